// What the journal tells those who look back.
#include "snapshot/history.hpp"

#include "io/transaction.hpp"
#include "tests/snapshot/journals.hpp"

namespace pghaul::snapshot {
namespace {

using test::begun_job;
using test::psql;

class HistoryTest : public test::ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (!IsSkipped()) database_ = test::fresh_database();
    }
    std::string database_;
};

TEST_F(HistoryTest, TellsWhenAndByWhomAChunkWasLoaded) {
    auto journal = begun_job(database_, interrupt_);
    journal.add_snapshot("1:2:");
    auto target = test::connect(database_, interrupt_);
    const JobTicket ticket{"job", journal.run(), 1};
    {
        io::Transaction transaction(target);
        target.query({"work", "select pg_catalog.pg_sleep(0.02)"});
        mark_loaded(target, ticket, {{0, 1, {10, {}}, 200}});
        mark_objects_loaded(target, ticket, 0, 30);
        transaction.commit();
    }
    const auto history = read_history(target, "job");
    ASSERT_EQ(history.chunks.size(), 4U);
    EXPECT_FALSE(history.chunks[0].begun);
    EXPECT_EQ(history.chunks[0].backend, 0);
    const auto& chunk = history.chunks[1];
    EXPECT_EQ(chunk.number, 1);
    EXPECT_EQ(chunk.rows, 10);
    EXPECT_EQ(chunk.sent_bytes, 200);
    EXPECT_EQ(chunk.bytes, 100);
    EXPECT_EQ(chunk.snapshot, 1);
    EXPECT_EQ(chunk.backend, target.backend_pid());
    EXPECT_GE(*chunk.loaded - *chunk.begun, std::chrono::milliseconds(20));
    EXPECT_GT(*chunk.begun, history.begun);
    EXPECT_LT(*chunk.loaded, history.now);
    ASSERT_EQ(history.objects.size(), 1U);
    EXPECT_EQ(history.objects[0].objects, 7);
    EXPECT_EQ(history.objects[0].begun, chunk.begun) << "of the same transaction";
    ASSERT_EQ(history.snapshots.size(), 1U);
    EXPECT_EQ(history.snapshots[0].visible, "1:2:");
}

TEST_F(HistoryTest, TellsProofsWindowsStepsAndProblems) {
    auto journal = begun_job(database_, interrupt_);
    auto& target = journal.connection();
    const JobTicket ticket{"job", journal.run(), 1};
    EXPECT_FALSE(read_history(target, "job").last_window);
    mark_finished(target, "job", {1});
    journal.mark_proof({1}, Proof::compared);
    mark_window(target, ticket, "1:2:", 10);
    mark_window(target, ticket, "1:3:", 20);
    journal.add_step("copy", 1.5, true);
    mark_step(target, "job", "schema", 4, false);
    journal.note_problem("a", "b");
    journal.mark_cutover(std::chrono::milliseconds(17));
    note_source_version(target, "job", "12.9");
    const auto history = read_history(target, "job");
    EXPECT_EQ(history.windows, 2);
    EXPECT_TRUE(history.last_window);
    EXPECT_TRUE(history.cut_over);
    EXPECT_FALSE(history.done);
    EXPECT_EQ(history.source_version, "12.9");
    ASSERT_EQ(history.tables.size(), 2U);
    EXPECT_FALSE(history.tables[0].finished);
    EXPECT_TRUE(history.tables[1].finished);
    EXPECT_EQ(history.tables[1].proof, Proof::compared);
    EXPECT_TRUE(history.tables[1].proven);
    ASSERT_EQ(history.steps.size(), 2U);
    EXPECT_EQ(history.steps[0].name, "copy");
    EXPECT_DOUBLE_EQ(history.steps[0].seconds, 1.5);
    EXPECT_FALSE(history.steps[1].ended);
    ASSERT_EQ(history.problems.size(), 1U);
    EXPECT_EQ(history.problems[0].message, "b");
}

TEST_F(HistoryTest, KeepsTheHazardsThatWereNotedLastOnEachTopic) {
    auto journal = begun_job(database_, interrupt_);
    auto& target = journal.connection();
    note_hazards(target, "job", "servers", {{"warning", "a {\"b\"}", "c"}, {"note", "d", "e"}});
    note_hazards(target, "job", "plan", {{"note", "f", ""}});
    auto hazards = read_history(target, "job").hazards;
    ASSERT_EQ(hazards.size(), 3U);
    EXPECT_EQ(hazards[0].message, "f");
    EXPECT_EQ(hazards[1].message, "a {\"b\"}");
    EXPECT_EQ(hazards[1].weight, "warning");
    EXPECT_EQ(hazards[1].fix, "c");
    note_hazards(target, "job", "servers", {});
    EXPECT_EQ(read_history(target, "job").hazards.size(), 1U);
}

TEST_F(HistoryTest, GoesWithTheJobAndWithACopyThatStartsAgain) {
    auto journal = begun_job(database_, interrupt_);
    mark_window(journal.connection(), {"job", journal.run(), 1}, "1:2:", 10);
    note_hazards(journal.connection(), "job", "servers", {{"note", "a", "b"}});
    journal.forget_plan();
    EXPECT_EQ(read_history(journal.connection(), "job").windows, 0);
    journal.remove();
    EXPECT_FALSE(journal.exists());
}

TEST_F(HistoryTest, BringsAJournalOfAnEarlierVersionUpToDateWhenARunBegins) {
    auto journal = begun_job(database_, interrupt_);
    psql(database_,
         "drop table pghaul.hazard; alter table pghaul.chunk drop column begun_at, drop column "
         "backend; alter table pghaul.job drop column windows, drop column source_version; alter "
         "table pghaul.table_plan drop column proof_at; alter table pghaul.large_object_chunk drop "
         "column begun_at, drop column backend");
    auto target = test::connect(database_, interrupt_);
    const auto error = test::error_of([&] { read_history(target, "job"); });
    EXPECT_NE(error.report().find("earlier pghaul"), std::string::npos) << error.report();
    EXPECT_FALSE(error.hint().empty());
    const auto run = journal.begin_run("me", "0.2");
    mark_loaded(target, {"job", run, 1}, {{0, 0, {1, {}}, 1}});
    EXPECT_TRUE(read_history(target, "job").chunks[0].begun);
}

TEST_F(HistoryTest, TakesNoLockOnAJournalThatIsUpToDate) {
    auto journal = begun_job(database_, interrupt_);
    auto other = test::connect(database_, interrupt_);
    io::Transaction transaction(other);
    other.query({"hold", "select 1 from pghaul.chunk for update"});
    EXPECT_EQ(journal.begin_run("me", "0.2"), 2) << "another job's stream holds its chunk";
}

}  // namespace
}  // namespace pghaul::snapshot
