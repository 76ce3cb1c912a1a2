// The fence refuses every write, whoever comes and by whatever way.
#include "delta/fence.hpp"

#include "delta/lock_out.hpp"
#include "io/transaction.hpp"
#include "tests/delta/delta_servers.hpp"

namespace pghaul::delta {
namespace {

using namespace std::chrono_literals;

const CaptureSite kSite{"job.1", "public"};
constexpr const char* kMovedTo = "new.example:5432/shop";

class FenceTest : public test::OnVersion {
  protected:
    void fence() {
        auto source = owner();
        const auto tables = test::tables_of(source);
        io::Transaction transaction(source);
        lock_out_writers(source, tables, 5s);
        install_fence(source, kSite, tables, kMovedTo);
        transaction.commit();
    }
    /// The statement meets the fence of that table.
    void expect_refused(io::Connection& session, const std::string& statement,
                        const std::string& table) {
        const auto error = test::error_of([&] { session.execute({"write", statement}); });
        EXPECT_EQ(error.sqlstate(), "25006") << statement << ": " << error.report();
        EXPECT_NE(std::string(error.what())
                      .find("this database has moved to new.example:5432/shop; " + table +
                            " takes no more writes"),
                  std::string::npos)
            << error.report();
        EXPECT_EQ(error.hint(), "Connect to new.example:5432/shop.");
    }
};

TEST_P(FenceTest, RefusesEveryWriteToATable) {
    sql("create table t (id int primary key, v text); insert into t values (1, 'a')");
    fence();
    auto session = owner();
    for (const auto* write :
         {"insert into public.t values (2)",
          "insert into public.t values (1) on conflict do nothing", "update public.t set v = 'b'",
          "update public.t set v = 'b' where false", "delete from public.t", "truncate public.t",
          "with w as (delete from public.t returning id) select * from w"}) {
        expect_refused(session, write, "public.t");
    }
    try {
        sql("copy t from stdin;\n2\tb\n\\.\n");
        ADD_FAILURE() << "COPY was let through";
    } catch (const std::exception& error) {
        EXPECT_NE(std::string(error.what()).find("public.t takes no more writes"),
                  std::string::npos)
            << error.what();
    }
    EXPECT_EQ(ask("select * from t"), "1|a");
}

TEST_P(FenceTest, RefusesSuperusersAndReplicaSessions) {
    sql("create table t (id int); insert into t values (1)");
    fence();
    auto session = superuser();
    expect_refused(session, "delete from public.t", "public.t");
    session.execute({"replica", "set session_replication_role to replica"});
    expect_refused(session, "delete from public.t", "public.t");
    expect_refused(session, "truncate public.t", "public.t");
}

TEST_P(FenceTest, RefusesWritesByPartitionedTables) {
    sql("create table r (id int, v int) partition by range (id); "
        "create table m partition of r for values from (0) to (20) partition by range (id); "
        "create table a partition of m for values from (0) to (10); "
        "create table b partition of m for values from (10) to (20); "
        "insert into r values (1, 1), (11, 11)");
    fence();
    auto session = owner();
    expect_refused(session, "insert into public.r values (2, 2)", "public.a");
    expect_refused(session, "insert into public.m values (12, 2)", "public.b");
    expect_refused(session, "update public.r set v = 0 where id = 11", "public.b");
    if (GetParam() > 10) {  // before, rows did not move between partitions
        expect_refused(session, "update public.r set id = 15 where id = 1", "public.a");
    }
    expect_refused(session, "delete from public.r where id = 1", "public.a");
    expect_refused(session, "insert into public.a values (3, 3)", "public.a");
    expect_refused(session, "update public.a set v = 0 where false", "public.a");
    expect_refused(session, "truncate public.r", "public.a");
    expect_refused(session, "truncate public.b", "public.b");
    EXPECT_EQ(ask("select * from r order by 1"), "1|1\n11|11");
}

TEST_P(FenceTest, RefusesWritesByInheritanceParents) {
    sql("create table p (id int); create table c () inherits (p); "
        "create table g () inherits (c); insert into g values (1)");
    fence();
    sql("alter table only p disable trigger user");  // as if the parent were not among the chosen
    auto session = owner();
    expect_refused(session, "update public.p set id = 2", "public.g");
    expect_refused(session, "delete from public.p", "public.g");
    expect_refused(session, "truncate public.p", "public.c");
    expect_refused(session, "insert into public.c values (2)", "public.c");
    EXPECT_EQ(ask("select tableoid::regclass, id from p"), "g|1");
}

TEST_P(FenceTest, KnowsTablesWithOddNames) {
    sql("create schema \"a.b\"\"c\"; "
        "create table \"a.b\"\"c\".\"it's %d \"\"q\"\"\nünï.x\" (id int)");
    fence();
    auto session = owner();
    expect_refused(session, "insert into \"a.b\"\"c\".\"it's %d \"\"q\"\"\nünï.x\" values (1)",
                   "a.b\"c.it's %d \"q\"\nünï.x");
}

TEST_P(FenceTest, LetsReadersGoOn) {
    sql("create table t (id serial); insert into t default values");
    fence();
    EXPECT_EQ(test::psql(database_.as_owner, "select id from t for share"), "1");
}

TEST_P(FenceTest, IsThereOrNotAsAWhole) {
    sql("create table t (id int); create table u (id int)");
    auto source = owner();
    const auto tables = test::tables_of(source);
    EXPECT_FALSE(fence_exists(source, kSite));
    {
        io::Transaction transaction(source);
        lock_out_writers(source, tables, 5s);
        install_fence(source, kSite, tables, kMovedTo);
    }
    EXPECT_FALSE(fence_exists(source, kSite));
    sql("insert into t values (1)");
    fence();
    EXPECT_TRUE(fence_exists(source, kSite));
    EXPECT_FALSE(fence_exists(source, {"job", "public"}));
    EXPECT_FALSE(fence_exists(source, {"job.10", "public"}));
}

TEST_P(FenceTest, IsMendedWhenMadeAgain) {
    sql("create table t (id int); create table u (id int); create table v (id int)");
    fence();
    sql("drop trigger \"pghaul/job.1/fence\" on t; alter table u disable trigger user; "
        "drop trigger \"pghaul/job.1/fence\" on v; drop trigger \"pghaul/job.1/fence row\" on v");
    fence();
    auto session = owner();
    for (const std::string table : {"public.t", "public.u", "public.v"}) {
        expect_refused(session, "delete from " + table, table);
    }
    EXPECT_EQ(ask("select count(*), count(distinct tgrelid), min(tgenabled), max(tgenabled) "
                  "from pg_trigger"),
              "6|3|A|A");
}

TEST_P(FenceTest, HasAFunctionThatNobodyCanDivert) {
    sql("create table t (id int)");
    fence();
    // A writer's own operator comes first in his search_path, but not in the fence's.
    sql("create schema trap; "
        "create function trap.join(text, name) returns text language sql as 'select ''trapped'''; "
        "create operator trap.|| (procedure = trap.join, leftarg = text, rightarg = name)");
    auto session = superuser();
    session.execute({"trap", "set search_path to trap, pg_catalog, public"});
    expect_refused(session, "delete from public.t", "public.t");
    EXPECT_EQ(ask("select prosecdef from pg_proc where proname like 'pghaul/%'"), "f");
}

INSTANTIATE_TEST_SUITE_P(Version, FenceTest, testing::Values(10, 13, 15, 18), test::version_name);

class FenceOn15 : public FenceTest {};

TEST_P(FenceOn15, RefusesMerge) {
    sql("create table t (id int); insert into t values (1)");
    fence();
    auto session = owner();
    expect_refused(session,
                   "merge into public.t using (values (1)) as v(id) on t.id = v.id "
                   "when matched then delete",
                   "public.t");
}

TEST_P(FenceOn15, RefusesLogicalReplication) {
    auto& cluster = test::delta_cluster(GetParam());
    const auto upstream = test::owned_database(GetParam(), "upstream");
    test::psql(upstream.as_owner,
               "create table public.t (id int); create publication p for table public.t");
    test::psql(upstream.as_superuser,
               "select pg_create_logical_replication_slot('upstream', 'pgoutput')");
    sql("create table t (id int)");
    ask("create subscription s connection " + io::quote_literal(upstream.as_superuser) +
        " publication p with (create_slot = false, slot_name = upstream, copy_data = false)");
    test::psql(upstream.as_superuser, "insert into public.t values (1)");
    EXPECT_TRUE(test::eventually([&] { return ask("select count(*) from t") == "1"; }));
    fence();
    const auto refusals = [&] {
        const auto log = cluster.log();
        std::size_t count = 0;
        for (auto at = log.find(kMovedTo); at != std::string::npos; at = log.find(kMovedTo, at + 1))
            ++count;
        return count;
    };
    const auto before = refusals();
    test::psql(upstream.as_superuser, "insert into public.t values (2)");
    EXPECT_TRUE(test::eventually([&] { return refusals() > before; }));
    EXPECT_EQ(ask("select count(*) from t"), "1");
    ask("alter subscription s disable");
    ask("alter subscription s set (slot_name = none)");
    ask("drop subscription s");
    test::eventually([&] {
        return test::psql(upstream.as_superuser,
                          "select active from pg_replication_slots where slot_name = 'upstream'") ==
               "f";
    });
    test::psql(upstream.as_superuser, "select pg_drop_replication_slot('upstream')");
}

INSTANTIATE_TEST_SUITE_P(Version, FenceOn15, testing::Values(15), test::version_name);

}  // namespace
}  // namespace pghaul::delta
