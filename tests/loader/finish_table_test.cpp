#include "loader/finish_table.hpp"

#include "io/transaction.hpp"
#include "tests/loader/two_databases.hpp"

namespace pghaul::loader {
namespace {

constexpr const char* kColumns =
    "create table t (id int not null, a int, b int not null, c int4range, d text);";
constexpr const char* kExtras =
    "create extension if not exists btree_gist; "
    "alter table t add constraint \"The Key\" primary key (id); "
    "alter table t add constraint u unique (a) deferrable initially deferred; "
    "alter table t add constraint f unique (b, id) include (a) with (fillfactor = 70); "
    "alter table t add constraint ui unique (d, id) include (a); "
    "alter table t add constraint un unique nulls not distinct (a, d); "
    "alter table t add constraint x exclude using gist (c with &&) where (id > 0); "
    "create index \"I x\" on t ((a + 1), lower(d)) where id > 0; "
    "alter index \"I x\" alter column 1 set statistics 321; "
    "create unique index r on t (b) include (d); alter table t replica identity using index r; "
    "alter table t cluster on r;";

class FinishTable : public test::TwoDatabases {
  protected:
    void SetUp() override {
        TwoDatabases::SetUp();
        if (IsSkipped()) return;
        on_source(std::string(kColumns) + kExtras +
                  "insert into t select i, i, i, int4range(i, i + 1), i::text "
                  "from generate_series(1, 100) i");
        on_target(std::string("create extension btree_gist; ") + kColumns +
                  "insert into t select i, i, i, int4range(i, i + 1), i::text "
                  "from generate_series(1, 100) i");
        begin_job({plan_of("t")});
        ASSERT_EQ(plan_.tables[0].info.indexes.size(), 8U);
        target_.emplace(test::connect(target_database_, interrupt_));
    }
    /// Everything that hangs on table t's indexes, as text.
    static std::string described(const std::string& database) {
        return test::psql(
            database,
            "select pg_get_indexdef(indexrelid), indisprimary, indimmediate, indisclustered, "
            "  indisreplident, indisvalid, (select string_agg(attstattarget::text, ',' order by "
            "  attnum) from pg_attribute where attrelid = indexrelid) "
            "from pg_index where indrelid = 't'::regclass order by 1; "
            "select conname, contype, condeferrable, condeferred, pg_get_constraintdef(oid) "
            "from pg_constraint where conrelid = 't'::regclass and contype in ('p', 'u', 'x') "
            "order by 1");
    }
    void expect_complete() {
        EXPECT_EQ(described(target_database_), described(source_database_));
        EXPECT_EQ(journal_->finished_tables(), std::set<int>{0});
        EXPECT_EQ(ask_target("select reltuples from pg_class where relname = 't'"), "100");
    }
    void finish() { finish_table(*target_, plan_.tables[0], "job"); }
    void build_all() {
        for (const auto& index : plan_.tables[0].info.indexes) {
            build_index(*target_, "job", plan_.tables[0].info, index, {2, 0});
        }
    }

    std::optional<io::Connection> target_;
};

TEST_F(FinishTable, MakesAllThatTheSourceHasAndMarksIt) {
    finish();
    expect_complete();
}

TEST_F(FinishTable, AdoptsIndexesThatWereBuiltBefore) {
    build_all();
    EXPECT_EQ(ask_target("select count(*) from pg_index where indrelid = 't'::regclass"), "7")
        << "all but the exclusion constraint's";
    finish();
    expect_complete();
}

TEST_F(FinishTable, LetsABuildHaveHelpersAndMemoryForThem) {
    on_target(
        "create table seen (workers int, kilobytes bigint); "
        "create function look() returns event_trigger language plpgsql as $$ begin "
        "  insert into public.seen values "
        "(current_setting('max_parallel_maintenance_workers')::int, "
        "    pg_size_bytes(current_setting('maintenance_work_mem')) / 1024); end $$; "
        "create event trigger look on ddl_command_end execute function look()");
    target_->execute({"settings",
                      "set maintenance_work_mem to '64MB'; "
                      "set max_parallel_maintenance_workers to 3"});
    const auto build = [&](std::size_t index, BuildHelpers helpers) {
        const auto& table = plan_.tables[0].info;
        build_index(*target_, "job", table, table.indexes[index], helpers);
        return ask_target("delete from seen returning workers, kilobytes");
    };
    EXPECT_EQ(build(0, {}), "0|65536");
    EXPECT_EQ(build(1, {5, 0}), "5|196608") << "in place of idle streams";
    EXPECT_EQ(build(2, {0, 9}), "3|131072") << "no more than the server's setting beside busy ones";
    EXPECT_EQ(target_->query_value({"after", "show max_parallel_maintenance_workers"}), "3");
}

TEST_F(FinishTable, ChangesNothingWhenItRunsAgain) {
    finish();
    const auto oids = ask_target(
        "select array_agg(indexrelid order by 1) from pg_index "
        "where indrelid = 't'::regclass");
    finish();
    build_all();
    expect_complete();
    EXPECT_EQ(ask_target("select array_agg(indexrelid order by 1) from pg_index "
                         "where indrelid = 't'::regclass"),
              oids)
        << "nothing was built twice";
}

TEST_F(FinishTable, MakesWhatIsMissingAfterHalfOfItIsGone) {
    finish();
    on_target(
        "alter table t drop constraint \"The Key\"; alter table t drop constraint x; "
        "drop index \"I x\"; update pghaul.table_plan set finished_at = null");
    finish();
    expect_complete();
}

TEST_F(FinishTable, IsAllOrNothing) {
    on_target("insert into t values (101, 7, 101, 'empty', 'x'), (102, 7, 102, 'empty', 'x')");
    const auto error = test::error_of([&] { finish(); });
    EXPECT_EQ(error.sqlstate(), "23505");
    EXPECT_EQ(ask_target("select count(*) from pg_index where indrelid = 't'::regclass"), "0");
    EXPECT_TRUE(journal_->finished_tables().empty());
}

TEST_F(FinishTable, CompletesAFreshTableWithinTheCallersTransaction) {
    on_target("drop table t");
    {
        io::Transaction transaction(*target_);
        target_->execute({"create", std::string("set local search_path to public; ") + kColumns +
                                        "set local search_path to ''"});
        finish_fresh_tables(*target_, {&plan_.tables[0]});
        transaction.commit();
    }
    EXPECT_EQ(described(target_database_), described(source_database_));
}

TEST_F(FinishTable, NamesTheOneOfSeveralFreshTablesThatFails) {
    on_both("create table good (id int)");
    on_both("create table bad (id int)");
    on_source("alter table good add primary key (id); alter table bad add unique (id)");
    on_target("insert into good values (1); insert into bad values (1), (1)");
    const auto good = plan_of("good");
    const auto bad = plan_of("bad");
    io::Transaction transaction(*target_);
    const auto error = test::error_of([&] { finish_fresh_tables(*target_, {&good, &bad}); });
    EXPECT_EQ(error.sqlstate(), "23505");
    EXPECT_EQ(error.context(), "constraints and statistics of public.bad");
}

class FinishLeaf : public test::TwoDatabases {};

TEST_F(FinishLeaf, LeavesStatisticsOfAPartitionToItsTopmostTable) {
    on_both(
        "create table p (id int) partition by range (id); "
        "create table leaf partition of p default");
    on_both("create table plain (id int)");
    on_source("create index on leaf (id)");
    on_target(
        "alter table leaf set (autovacuum_enabled = off); insert into p values (1), (2); "
        "insert into plain values (1), (2)");
    begin_job({plan_of("leaf"), plan_of("plain")});
    auto target = test::connect(target_database_, interrupt_);
    for (const auto& table : plan_.tables) finish_table(target, table, "job");
    EXPECT_EQ(ask_target("select count(*) from pg_index where indrelid = 'leaf'::regclass"), "1");
    EXPECT_EQ(ask_target("select string_agg(tablename, ' ') from pg_stats "
                         "where schemaname = 'public'"),
              "plain");
}

TEST_F(FinishLeaf, PutsAnIndexIntoItsTablespace) {
    on_target("set allow_in_place_tablespaces = on; create tablespace \"My Space\" location ''");
    on_both("create table t (id int)");
    on_source("create index i on t (id) tablespace \"My Space\"; create index j on t (id)");
    begin_job({plan_of("t")});
    auto target = test::connect(target_database_, interrupt_);
    finish_table(target, plan_.tables[0], "job");
    EXPECT_EQ(
        ask_target("select string_agg(i.relname || ' ' || coalesce(s.spcname, '-'), ', ' order "
                   "by i.relname) from pg_class i left join pg_tablespace s on s.oid = "
                   "i.reltablespace where i.relname in ('i', 'j')"),
        "i My Space, j -");
}

TEST_F(FinishTable, RemovesTheDeadRowsOfChunksThatWereCutOff) {
    on_both("create table many (id int primary key, v text);");
    on_source("insert into many select i, i from generate_series(1, 20000) i; analyze many");
    on_target("insert into many select i, i from generate_series(1, 20000) i");
    on_target("create extension pgstattuple");
    plan_.tables[0] = plan_of("many", 4);
    const auto dead = [&] {
        return ask_target("select dead_tuple_count from pgstattuple('many')");
    };
    on_target("begin; insert into many select -i, i from generate_series(1, 2000) i; rollback");
    finish();
    EXPECT_EQ(dead(), "2000") << "less than half a chunk is not worth a look at the table";
    on_target("begin; insert into many select -i, i from generate_series(1, 2000) i; rollback");
    target_->execute({"forget", "select pg_catalog.pg_stat_reset()"});  // as a crash would
    finish();
    EXPECT_EQ(dead(), "0");
    EXPECT_EQ(ask_target("select count(*) from many"), "20000");
}

}  // namespace
}  // namespace pghaul::loader
