// The whole move while the application writes: capture, copy, catch-up, follow, drop.
#include <gtest/gtest.h>

#include "tests/cmd/live_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;

class LiveMove : public LiveTest {};

constexpr const char* kInChunks = "--chunk-size=1MB";

TEST_P(LiveMove, BringsEveryChangeAndLeavesNothingBehind) {
    const auto pair = live_pair(GetParam(), busy_tables());
    Writers writers(pair.source, busy_writers());
    writers.await(1);
    const auto moved = run_live(pair, {kInChunks});
    ASSERT_TRUE(exited(moved, 0));
    EXPECT_EQ(phase(pair), "done");
    EXPECT_EQ(pair.target_sql("select count(*) > 1 from pghaul.chunk where rows > 0 and "
                              "table_number = 0;"),
              "t");
    writers.await(3);
    EXPECT_TRUE(exited(follow(pair), 0));
    writers.stop();
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
    EXPECT_TRUE(no_sessions_left());

    const auto both = as_superuser(pair);
    EXPECT_NE(traces(both.source), "");
    const auto dropped = drop(pair);
    EXPECT_TRUE(exited(dropped, 0));
    EqualityOptions with_schema;
    with_schema.sequences = false;  // set at cutover
    with_schema.schema = true;
    // The owner of the target database has by itself what was granted to it on the source.
    with_schema.schema_dump_options = {"--no-privileges"};
    EXPECT_EQ(compare_databases(both.source, both.target, with_schema), "");
    EXPECT_EQ(traces(both.source), "");
    EXPECT_EQ(traces(both.target), "");
    EXPECT_TRUE(exited(drop(pair), 0));
}

TEST_P(LiveMove, GoesStepByStepWithWritesBetween) {
    const auto pair = live_pair(GetParam(), busy_tables());
    Writers writers(pair.source, busy_writers());
    for (const std::string until : {"captured", "copied", "indexed", "current"}) {
        writers.await(1);
        EXPECT_TRUE(exited(run_live(pair, {kInChunks, "--until", until}), 0)) << until;
        if (until == "captured") {
            EXPECT_EQ(phase(pair), "captured");
        }
    }
    writers.await(1);
    writers.stop();
    const auto again = run_live(pair, {kInChunks});
    EXPECT_TRUE(exited(again, 0)) << "a job that is done is brought up to date";
    EXPECT_TRUE(same_rows(pair));
}

TEST_P(LiveMove, FollowsUntilItIsStopped) {
    const auto pair = live_pair(GetParam(), "create table t (id int primary key, v text);");
    ASSERT_TRUE(exited(run_live(pair), 0));
    ChildProcess following(follow_argv(pair));
    for (int i = 1; i <= 3; ++i) {
        const auto id = std::to_string(i);
        pair.source_sql("insert into t values (" + id + ", 'new');");
        EXPECT_TRUE(eventually([&] {
            return pair.target_sql("select count(*) from t where id = " + id + ";") == "1";
        }));
    }
    EXPECT_TRUE(refused(run_live(pair), 75, {"is being run by"}));
    following.kill(SIGTERM);
    const auto stopped = following.wait(5s);
    ASSERT_TRUE(stopped) << "still running after 5 s";
    EXPECT_TRUE(refused(*stopped, 75, {"signal"}));
    EXPECT_TRUE(no_sessions_left());
    EXPECT_TRUE(same_rows(pair));
}

TEST_P(LiveMove, StopsAtARowThatTheTargetRejectsAndGoesOnBehindIt) {
    const auto pair = live_pair(GetParam(),
                                "create table \"the t\" (id int primary key, v text);"
                                "create table other (id int primary key);");
    ASSERT_TRUE(exited(run_live(pair), 0));
    const auto mark = [&] { return pair.target_sql("select delta_from from pghaul.job;"); };
    const auto before = mark();
    pair.target_sql("alter table \"the t\" add constraint short check (length(v) < 5);");
    pair.source_sql(
        "insert into other values (1); insert into \"the t\" values (41, 'fine'), (42, "
        "'too long'), (43, 'fine');");
    EXPECT_TRUE(refused(follow(pair), 1,
                        {"public.\"the t\"", "23514", "short", "(42,", "only the target has"}));
    EXPECT_EQ(mark(), before);
    EXPECT_EQ(pair.target_sql("select count(*) from other;"), "0") << "half a window";
    pair.target_sql("alter table \"the t\" drop constraint short;");
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_NE(mark(), before);
    EXPECT_TRUE(same_rows(pair));
}

TEST_P(LiveMove, RefusesToGoOnWhereChangesMayBeMissing) {
    const auto pair = live_pair(GetParam(), "create table t (id int primary key);");
    ASSERT_TRUE(exited(run_live(pair), 0));
    const auto trigger = "\"pghaul/" + pair.name + "/insert\"";
    pair.source_sql("alter table t disable trigger " + trigger + ";");
    EXPECT_TRUE(refused(follow(pair), 3, {"public.t", "pghaul drop"}));
    EXPECT_TRUE(refused(run_live(pair), 3, {"public.t", "pghaul drop"}));
    pair.source_sql("drop trigger " + trigger + " on t;");
    EXPECT_TRUE(refused(follow(pair), 3, {"public.t"}));
    EXPECT_TRUE(refused(run(pair), 3, {"begun with capture"}));
}

TEST_P(LiveMove, FollowsOnlyWhatWasCopiedWithCapture) {
    const auto pair = live_pair(GetParam(), "create table t (id int primary key);");
    EXPECT_TRUE(refused(follow(pair), 1, {"no job"}));
    ASSERT_TRUE(exited(run_live(pair, {"--until", "copied"}), 0));
    EXPECT_TRUE(refused(follow(pair), 3, {"not complete", "pghaul run"}));
    const auto other = live_pair(GetParam(), "create table t (id int primary key);");
    ASSERT_TRUE(exited(run(other), 0));
    EXPECT_TRUE(refused(follow(other), 3, {"without capture"}));
}

TEST_P(LiveMove, TakesTablesWithoutAnyAndColumnsWithoutAny) {
    if (GetParam() == As::superuser) {
        const auto empty = live_pair(GetParam(), "");
        EXPECT_TRUE(exited(run_live(empty), 0));
        EXPECT_TRUE(exited(follow(empty), 0));
        EXPECT_TRUE(exited(drop(empty), 0));
    }
    const auto pair = live_pair(GetParam(),
                                "create table nothing (); insert into nothing default values;"
                                "create table parent (a int) partition by list (a);");
    EXPECT_TRUE(exited(run_live(pair), 0));
    pair.source_sql("insert into nothing default values;");
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

INSTANTIATE_TEST_SUITE_P(As, LiveMove, testing::Values(As::superuser, As::owner), as_name);

}  // namespace
}  // namespace pghaul::test
