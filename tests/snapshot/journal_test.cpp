#include "snapshot/journal.hpp"

#include "io/transaction.hpp"
#include "tests/snapshot/journals.hpp"

namespace pghaul::snapshot {
namespace {

using test::begun_job;
using test::error_of;
using test::psql;

class JournalTest : public test::ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (!IsSkipped()) database_ = test::fresh_database();
    }
    Journal open(const std::string& job = "job") {
        return Journal::open(io::ConnInfo::parse(database_), job, interrupt_);
    }
    std::string database_;
};

TEST_F(JournalTest, MakesNothingUntilItIsToldTo) {
    auto journal = open();
    EXPECT_FALSE(journal.exists());
    EXPECT_FALSE(journal.find());
    journal.lock();
    EXPECT_EQ(psql(database_, "select count(*) from pg_namespace where nspname = 'pghaul'"), "0");
}

TEST_F(JournalTest, GivesBackTheJobAsItWasInserted) {
    begun_job(database_, interrupt_, "Job.1");
    auto journal = open("Job.1");
    const auto record = journal.find();
    ASSERT_TRUE(record);
    EXPECT_EQ(record->job, "Job.1");
    EXPECT_EQ(record->source, "old/shop");
    EXPECT_EQ(record->source_identity, "shop/1/2");
    EXPECT_EQ(record->settings, "-n {}");
    EXPECT_EQ(record->phase, Phase::created);
    EXPECT_EQ(record->run, 1);
    EXPECT_TRUE(record->planned);
    EXPECT_TRUE(record->finished_at.empty());
    EXPECT_FALSE(open("job.1").find()) << "names are not folded";
}

TEST_F(JournalTest, GivesBackPlanAndArchiveByteByByte) {
    auto journal = begun_job(database_, interrupt_);
    std::string archive;
    for (int i = 0; i < 1024; ++i) archive += static_cast<char>(i % 256);
    journal.store_plan(test::small_plan(), archive);
    auto reader = open();
    EXPECT_EQ(reader.read_archive(), archive);
    const auto plan = reader.read_plan();
    ASSERT_EQ(plan.tables.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(to_json(plan.tables[i]), to_json(test::small_plan().tables[i]));
    }
    EXPECT_EQ(to_json_without_tables(plan), to_json_without_tables(test::small_plan()));
}

TEST_F(JournalTest, ReplacesAPlanThatIsStoredAgain) {
    auto journal = begun_job(database_, interrupt_);
    mark_loaded(journal.connection(), {"job", 1, 1}, {{0, 1, {10, {}}, 20}});
    journal.store_plan(test::small_plan(), "other");
    EXPECT_TRUE(journal.loaded().empty());
    EXPECT_EQ(journal.missing_chunks(), 5);
}

TEST_F(JournalTest, KeepsTheEarlierPlanWhenThereIsNoArchiveForTheNewOne) {
    auto journal = begun_job(database_, interrupt_);
    auto plan = test::small_plan();
    plan.tables.pop_back();
    const auto fails = []() -> std::string { throw io::Error("no archive"); };
    EXPECT_THROW(journal.store_plan(plan, fails), io::Error);
    EXPECT_EQ(journal.read_plan().tables.size(), 2U);
    EXPECT_EQ(journal.missing_chunks(), 5);
}

TEST_F(JournalTest, TakesPhasesForwardOnly) {
    auto journal = begun_job(database_, interrupt_);
    journal.set_phase(Phase::copying);
    journal.set_phase(Phase::copying);
    EXPECT_THROW(journal.set_phase(Phase::schema), std::logic_error);
    EXPECT_EQ(open().find()->phase, Phase::copying);
    journal.set_phase(Phase::done);
    EXPECT_FALSE(open().find()->finished_at.empty());

    // Also a later process, which learns the phase from the journal.
    auto later = open();
    later.find();
    EXPECT_THROW(later.set_phase(Phase::indexed), std::logic_error);
}

TEST_F(JournalTest, MarksChunksOnceWithTheirRows) {
    auto journal = begun_job(database_, interrupt_);
    auto target = test::connect(database_, interrupt_);
    const JobTicket ticket{"job", journal.run(), 1};
    EXPECT_FALSE(is_loaded(target, "job", 0, 2));
    mark_loaded(target, ticket, {{0, 2, {10, {}}, 20}});
    mark_objects_loaded(target, ticket, 0, 30);
    EXPECT_TRUE(is_loaded(target, "job", 0, 2));
    EXPECT_FALSE(is_loaded(target, "job", 0, 1));
    EXPECT_FALSE(is_loaded(target, "job", 9, 9));
    EXPECT_TRUE(objects_are_loaded(target, "job", 0));
    EXPECT_EQ(journal.missing_chunks(), 3);
    const auto loaded = journal.loaded();
    EXPECT_EQ(loaded.tables, (std::set<std::pair<int, int>>{{0, 2}}));
    EXPECT_EQ(loaded.large_objects, std::set<int>{0});
    // A second load of the same chunk would double its rows.
    EXPECT_EQ(error_of([&] {
                  mark_loaded(target, ticket, {{0, 2, {10, {}}, 20}});
              }).exit_code(),
              io::ExitCode::stopped);
    EXPECT_EQ(error_of([&] { mark_objects_loaded(target, ticket, 0, 30); }).exit_code(),
              io::ExitCode::stopped);
}

TEST_F(JournalTest, MarksWhatOneTransactionDidEachWithItsOwnFigures) {
    auto journal = begun_job(database_, interrupt_);
    auto target = test::connect(database_, interrupt_);
    const JobTicket ticket{"job", journal.run(), 1};
    CopyMarks marks;
    marks.loaded[1] = {{0, 1, {10, {1, 2}}, 100}, {1, 0, {7, {3, 4}}, 200}};
    marks.proofs[Proof::read_back] = {0};
    marks.proofs[Proof::differences] = {1};
    marks.finished = {1};
    write_marks(target, ticket, marks);
    EXPECT_EQ(journal.loaded().tables, (std::set<std::pair<int, int>>{{0, 1}, {1, 0}}));
    EXPECT_EQ(sent_rows(target, "job", 1), (io::RowSum{7, {3, 4}}));
    EXPECT_EQ(journal.totals().sent_bytes, 300);
    EXPECT_EQ(journal.proofs().at(0), Proof::read_back);
    EXPECT_EQ(journal.proofs().at(1), Proof::differences);
    EXPECT_EQ(journal.finished_tables(), std::set<int>{1});
    // One that is loaded already is enough to refuse them all.
    io::Transaction transaction(target);
    EXPECT_EQ(error_of([&] {
                  mark_loaded(target, ticket, {{0, 0, {1, {}}, 1}, {0, 1, {10, {1, 2}}, 100}});
              }).exit_code(),
              io::ExitCode::stopped);
}

TEST_F(JournalTest, TakesAMarkBackWithItsTransaction) {
    auto journal = begun_job(database_, interrupt_);
    auto target = test::connect(database_, interrupt_);
    {
        io::Transaction transaction(target);
        mark_loaded(target, {"job", 1, 1}, {{1, 0, {1, {}}, 1}});
        EXPECT_TRUE(is_loaded(target, "job", 1, 0));
    }
    EXPECT_FALSE(is_loaded(target, "job", 1, 0));
}

TEST_F(JournalTest, RefusesMarksAndPhasesOfAnOlderRun) {
    auto journal = begun_job(database_, interrupt_);
    const JobTicket old{"job", journal.run(), 1};
    psql(database_, "update pghaul.job set run = run + 1");
    auto target = test::connect(database_, interrupt_);
    const auto error = error_of([&] { mark_loaded(target, old, {{0, 0, {1, {}}, 1}}); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::stopped);
    EXPECT_NE(error.report().find("taken over"), std::string::npos) << error.report();
    EXPECT_THROW(mark_objects_loaded(target, old, 0, 1), io::Error);
    EXPECT_THROW(journal.set_phase(Phase::copying), io::Error);
    EXPECT_THROW(journal.store_plan(test::small_plan(), ""), io::Error);
    EXPECT_EQ(psql(database_, "select phase from pghaul.job"), "created");
    EXPECT_TRUE(journal.loaded().empty());
}

TEST_F(JournalTest, ForgetsAPlanWithAllThatHangsOnItForACopyThatStartsAgain) {
    auto journal = begun_job(database_, interrupt_);
    journal.set_phase(Phase::copying);
    journal.add_snapshot("1:2:");
    journal.add_step("schema", 1.5, true);
    journal.note_problem("a", "b");
    mark_loaded(journal.connection(), {"job", 1, 1}, {{0, 0, {1, {}}, 1}});
    journal.forget_plan();
    EXPECT_EQ(journal.missing_chunks(), 0);
    EXPECT_TRUE(journal.loaded().empty());
    EXPECT_TRUE(journal.steps().empty());
    EXPECT_TRUE(journal.problems().empty());
    EXPECT_EQ(journal.totals().snapshots, 0);
    const auto record = open().find();
    EXPECT_EQ(record->phase, Phase::schema);
    EXPECT_FALSE(record->planned);
    journal.store_plan(test::small_plan(), "again");
    journal.set_phase(Phase::copying);
    EXPECT_EQ(journal.add_snapshot("3:4:"), 1) << "counting starts again";
}

TEST_F(JournalTest, CountsWhatIsLoadedAndFinished) {
    auto journal = begun_job(database_, interrupt_);
    auto& target = journal.connection();
    EXPECT_EQ(journal.add_snapshot("1:2:"), 1);
    EXPECT_EQ(journal.add_snapshot("3:4:"), 2);
    mark_loaded(target, {"job", 1, 1}, {{0, 0, {10, {}}, 1000}});
    mark_loaded(target, {"job", 1, 1}, {{1, 0, {20, {}}, 2000}});
    mark_finished(target, "job", {1});
    const auto totals = journal.totals();
    EXPECT_EQ(totals.tables, 2);
    EXPECT_EQ(totals.tables_loaded, 1);
    EXPECT_EQ(totals.tables_finished, 1);
    EXPECT_EQ(totals.chunks, 4);
    EXPECT_EQ(totals.chunks_loaded, 2);
    EXPECT_EQ(totals.bytes, 400);
    EXPECT_EQ(totals.bytes_loaded, 200);
    EXPECT_EQ(totals.rows, 30);
    EXPECT_EQ(totals.sent_bytes, 3000);
    EXPECT_EQ(totals.snapshots, 2);
    EXPECT_FALSE(totals.first_snapshot_at.empty());
    EXPECT_EQ(journal.finished_tables(), std::set<int>{1});
    EXPECT_EQ(journal.partly_loaded(),
              (std::vector<std::pair<std::string, std::string>>{{"public.big", "1 of 3 chunks"}}));
}

TEST_F(JournalTest, KeepsHowFarAStepHasCome) {
    auto journal = begun_job(database_, interrupt_);
    mark_step(journal.connection(), "job", "schema", 40, false);
    EXPECT_EQ(journal.steps()["schema"].entries_done, 40);
    EXPECT_FALSE(journal.steps()["schema"].finished);
    mark_step(journal.connection(), "job", "schema", 55, true);
    journal.add_step("schema", 1.25, true);
    journal.add_step("schema", 0.5, true);
    const auto step = journal.steps()["schema"];
    EXPECT_EQ(step.entries_done, 55);
    EXPECT_TRUE(step.finished);
    EXPECT_DOUBLE_EQ(step.seconds, 1.75) << "a step that two runs worked on took both their times";
}

TEST_F(JournalTest, KeepsOneMessagePerProblemUntilItIsForgotten) {
    auto journal = begun_job(database_, interrupt_);
    journal.note_problem("foreign key a", "orphans");
    journal.note_problem("foreign key a", "fewer orphans");
    journal.note_problem("other", "it's \"odd\"\n");
    ASSERT_EQ(journal.problems().size(), 2U);
    EXPECT_EQ(journal.problems()[0].message, "fewer orphans");
    EXPECT_EQ(journal.problems()[1].message, "it's \"odd\"\n");
    journal.forget_problem("foreign key a");
    journal.forget_problem("never there");
    ASSERT_EQ(journal.problems().size(), 1U);
}

TEST_F(JournalTest, GoesWithTheLastJob) {
    auto first = begun_job(database_, interrupt_, "a");
    auto second = begun_job(database_, interrupt_, "b");
    EXPECT_EQ(open().jobs(), (std::vector<std::string>{"a", "b"}));
    first.remove();
    EXPECT_EQ(open().jobs(), std::vector<std::string>{"b"});
    EXPECT_EQ(psql(database_, "select count(*) from pghaul.chunk"), "4") << "the other job's";
    second.remove();
    EXPECT_EQ(psql(database_, "select count(*) from pg_namespace where nspname = 'pghaul'"), "0");
}

}  // namespace
}  // namespace pghaul::snapshot
