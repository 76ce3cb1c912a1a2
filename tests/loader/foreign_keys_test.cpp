#include "loader/foreign_keys.hpp"

#include "tests/loader/two_databases.hpp"

namespace pghaul::loader {
namespace {

class ForeignKeysTest : public test::TwoDatabases {
  protected:
    /// Takes the keys as the source has them.
    void read_keys() {
        auto source = test::connect(source_database_, interrupt_);
        plan_.foreign_keys = test::catalog_of(source).foreign_keys;
        if (!journal_) begin_job({});
    }
    void make() {
        make_foreign_keys(
            plan_.foreign_keys, *journal_,
            [&](const std::string&) { return test::connect(target_database_, interrupt_); }, 2,
            progress_);
    }
    /// "name valid" per foreign key of the target.
    std::string keys() {
        return ask_target(
            "select coalesce(string_agg(conname || ' ' || convalidated, ', ' order by "
            "conname), '') from pg_constraint where contype = 'f' and conparentid = 0 "
            "and connamespace = 'public'::regnamespace");
    }

    io::RunProgress progress_;
};

constexpr const char* kTables =
    "create table o (id int primary key); create table a (id int); create table \"B\" (id int);";
constexpr const char* kKeys =
    "alter table a add constraint f1 foreign key (id) references o on delete cascade; "
    "alter table a add constraint f2 foreign key (id) references o deferrable initially deferred; "
    "alter table \"B\" add constraint \"F 3\" foreign key (id) references o not valid;";

TEST_F(ForeignKeysTest, AreAddedAndValidatedAsOnTheSource) {
    on_both(kTables);
    on_source(kKeys);
    on_both("insert into o values (1); insert into a values (1), (null)");
    on_target("insert into \"B\" values (99)");  // the source never checked that one either
    read_keys();
    make();
    EXPECT_EQ(keys(), "F 3 false, f1 true, f2 true");
    EXPECT_TRUE(journal_->problems().empty());
    const char* definitions =
        "select conname, conrelid::regclass, pg_get_constraintdef(oid) from pg_constraint where "
        "contype = 'f' and connamespace = 'public'::regnamespace order by 1";
    EXPECT_EQ(ask_target(definitions), test::psql(source_database_, definitions));
}

TEST_F(ForeignKeysTest, AreMadeOnce) {
    on_both(kTables);
    on_source(kKeys);
    read_keys();
    make();
    const auto oids = ask_target(
        "select array_agg(oid order by oid) from pg_constraint "
        "where contype = 'f'");
    make();
    EXPECT_EQ(ask_target("select array_agg(oid order by oid) from pg_constraint "
                         "where contype = 'f'"),
              oids);
}

TEST_F(ForeignKeysTest, MadeEarlyAreLeftAsTheyAre) {
    on_both(kTables);
    on_source(kKeys);
    on_both("insert into o values (1); insert into a values (1), (null)");
    on_target("insert into \"B\" values (99)");
    read_keys();
    auto target = test::connect(target_database_, interrupt_);
    for (const auto& key : plan_.foreign_keys) make_foreign_keys_early(target, {&key});
    EXPECT_EQ(keys(), "F 3 false, f1 true, f2 true");
    const auto oids = "select array_agg(oid order by oid) from pg_constraint where contype = 'f'";
    const auto early = ask_target(oids);
    make();
    EXPECT_EQ(ask_target(oids), early);
    EXPECT_TRUE(journal_->problems().empty());
}

TEST_F(ForeignKeysTest, ThatFailEarlyAreToldByTheStepThatComesLater) {
    on_both(kTables);
    on_source(kKeys);
    on_target("insert into a values (7)");
    read_keys();
    auto target = test::connect(target_database_, interrupt_);
    std::vector<const snapshot::ForeignKey*> all;
    for (const auto& key : plan_.foreign_keys) all.push_back(&key);
    make_foreign_keys_early(target, all);
    EXPECT_EQ(keys(), "F 3 false, f1 false, f2 false");
    EXPECT_TRUE(journal_->problems().empty());
    make();
    EXPECT_EQ(journal_->problems().size(), 2U);
    on_target("insert into o values (7)");
    make_foreign_keys_early(target, all);
    make();
    EXPECT_EQ(keys(), "F 3 false, f1 true, f2 true");
    EXPECT_TRUE(journal_->problems().empty());
}

TEST_F(ForeignKeysTest, ThatCanNotBeMadeEarlyForAnyReasonAreLeftToTheStepThatComesLater) {
    on_both(kTables);
    on_source(kKeys);
    read_keys();
    std::vector<const snapshot::ForeignKey*> all;
    for (const auto& key : plan_.foreign_keys) all.push_back(&key);
    auto holder = test::connect(target_database_, interrupt_);
    holder.execute({"hold", "begin; lock table public.a in access exclusive mode"});
    auto target = test::connect(target_database_, interrupt_);
    target.execute({"wait_little", "set lock_timeout to '50ms'"});
    make_foreign_keys_early(target, all);
    EXPECT_EQ(keys(), "F 3 false") << "the others wait for the lock";
    on_target("select pg_terminate_backend(pid) from pg_stat_activity where pid = " +
              target.query_value({"pid", "select pg_catalog.pg_backend_pid()"}));
    EXPECT_TRUE(test::error_of([&] { make_foreign_keys_early(target, all); }).retryable())
        << "a lost session is the stream's to mend";
}

TEST_F(ForeignKeysTest, NoteAnOrphanAndGoOn) {
    on_both(kTables);
    on_source(kKeys);
    on_target("insert into o values (1); insert into a values (1), (7)");
    read_keys();
    make();
    EXPECT_EQ(keys(), "F 3 false, f1 false, f2 false") << "there, and kept for new rows";
    const auto problems = journal_->problems();
    ASSERT_EQ(problems.size(), 2U);
    EXPECT_EQ(problems[0].subject, "foreign key f1 of public.a");
    EXPECT_NE(problems[0].message.find("validate constraint \"f1\""), std::string::npos)
        << problems[0].message;
}

TEST_F(ForeignKeysTest, ForgetTheOrphanOnceItIsMended) {
    on_both(kTables);
    on_source(kKeys);
    on_target("insert into a values (7)");
    read_keys();
    make();
    ASSERT_EQ(journal_->problems().size(), 2U);
    on_target("insert into o values (7)");
    make();
    EXPECT_EQ(keys(), "F 3 false, f1 true, f2 true");
    EXPECT_TRUE(journal_->problems().empty());
}

TEST_F(ForeignKeysTest, ForgetTheOrphanWhenSomebodyElseValidatedTheKey) {
    on_both(kTables);
    on_source(kKeys);
    on_target("insert into a values (7)");
    read_keys();
    make();
    on_target(
        "delete from a; alter table a validate constraint f1; "
        "alter table a validate constraint f2");
    make();
    EXPECT_TRUE(journal_->problems().empty());
}

TEST_F(ForeignKeysTest, OfPartitionedTablesAreAddedOnceTheirRowsFit) {
    const char* tables =
        "create table o (id int primary key); create table p (id int) partition by range (id); "
        "create table leaf partition of p default";
    on_both(tables);
    on_source("alter table p add constraint f foreign key (id) references o");
    on_target("insert into p values (7)");
    read_keys();
    make();
    EXPECT_EQ(keys(), "") << "such a key can't wait as NOT VALID";
    ASSERT_EQ(journal_->problems().size(), 1U);
    EXPECT_NE(journal_->problems()[0].message.find("not there"), std::string::npos);
    EXPECT_NE(journal_->problems()[0].message.find(
                  "alter table \"public\".\"p\" add constraint \"f\" FOREIGN KEY"),
              std::string::npos)
        << journal_->problems()[0].message;
    on_target("insert into o values (7)");
    make();
    EXPECT_EQ(keys(), "f true");
    EXPECT_TRUE(journal_->problems().empty()) << journal_->problems()[0].message;
}

TEST_F(ForeignKeysTest, NoteAKeyToATableThatDidNotComeAlong) {
    on_source(kTables);
    on_source(kKeys);
    on_target("create table a (id int); create table \"B\" (id int)");
    read_keys();
    make();
    EXPECT_EQ(keys(), "");
    ASSERT_EQ(journal_->problems().size(), 3U);
    EXPECT_NE(journal_->problems()[0].message.find("public.o"), std::string::npos)
        << journal_->problems()[0].message;
    // And go on once it is there.
    on_target("create table o (id int primary key)");
    make();
    EXPECT_EQ(keys(), "F 3 false, f1 true, f2 true");
    EXPECT_TRUE(journal_->problems().empty()) << journal_->problems()[0].message;
}

TEST_F(ForeignKeysTest, EndTheRunForAnythingElse) {
    on_both(kTables);
    on_source(kKeys);
    on_target("alter table a add constraint f1 check (id > 0)");
    read_keys();
    const auto error = test::error_of([&] { make(); });
    EXPECT_EQ(error.sqlstate(), "42710");
    EXPECT_NE(error.context().find("foreign key f1 of public.a"), std::string::npos)
        << error.report();
}

}  // namespace
}  // namespace pghaul::loader
