// What a job does to a source that others use: locks and waits, several jobs, what drop takes away.
#include <gtest/gtest.h>

#include "tests/cmd/live_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class LiveSource : public LiveTest {};

constexpr const char* kTables = R"sql(
    create table t (id int primary key, v text); insert into t values (1, 'a');
    create table p (id int) partition by range (id);
    create table p1 partition of p for values from (0) to (100);
    create table bag (v text); insert into bag values ('x'), ('x');
)sql";

TEST_P(LiveSource, NamesWhoHoldsATableAndLetsWritersThrough) {
    const auto pair = live_pair(GetParam(), kTables);
    Holder holder(pair.source, "begin; insert into public.t values (2, 'held')");
    ChildProcess moving(live_argv(pair));
    ASSERT_TRUE(moving.wait_for_output("pid " + std::to_string(holder.pid()), 20s)) << moving.err();
    EXPECT_TRUE(holds(moving.err(), "public.t"));
    for (int i = 10; i < 20; ++i) {
        const auto began = Clock::now();
        pair.source_sql("insert into t values (" + std::to_string(i) + ", 'w');");
        EXPECT_LT(Clock::now() - began, 3s);
    }
    EXPECT_TRUE(moving.running());
    holder.let_go();  // its insert is rolled back
    const auto moved = moving.wait(60s);
    ASSERT_TRUE(moved);
    EXPECT_TRUE(exited(*moved, 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_P(LiveSource, HoldsUpNoTruncationWhileItIsCopied) {
    const auto pair = live_pair(GetParam(), gated_table() +
                                                "create table t (id int primary key);"
                                                "insert into t values (1);");
    Gate gate(pair);
    ChildProcess moving(live_argv(pair, {"--chunk-size=1MB", "-j", "1"}));
    ASSERT_TRUE(gate.reached());
    pair.source_sql("set lock_timeout = '5s'; truncate t; insert into t values (2);");
    pair.source_sql("alter table t set (fillfactor = 90); vacuum full t;");
    gate.open();
    const auto moved = moving.wait(60s);
    ASSERT_TRUE(moved);
    EXPECT_TRUE(exited(*moved, 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_P(LiveSource, CarriesTwoJobsThatDoNotKnowOfEachOther) {
    const auto pair = live_pair(GetParam(), kTables);
    auto other = live_pair(GetParam(), "");
    other.source = pair.source;
    ASSERT_TRUE(exited(run_live(pair, {"--job", "a"}), 0));
    ASSERT_TRUE(exited(run_live(other, {"--job", "b"}), 0));
    EXPECT_TRUE(same_rows(other)) << "and nothing of the first job";
    pair.source_sql("insert into t values (5, 'five'); truncate bag; insert into p values (7);");
    const auto follow_job = [](const Pair& of, const std::string& job) {
        return run_process(follow_argv(of, {"--until-current", "--job", job}));
    };
    EXPECT_TRUE(exited(follow_job(pair, "a"), 0));
    EXPECT_TRUE(exited(
        pghaul({"drop", "--job", "a", "--source", pair.source, "--target", pair.target}), 0));
    EXPECT_TRUE(same_rows(pair));
    pair.source_sql("update t set id = 6 where id = 5; insert into bag values ('y');");
    EXPECT_TRUE(exited(follow_job(other, "b"), 0));
    EXPECT_TRUE(same_rows(other));
    // The only job that is left needs no name.
    EXPECT_TRUE(exited(pghaul({"drop", "--source", pair.source}), 0));
    EXPECT_EQ(traces(as_superuser(pair).source), "");
}

TEST_P(LiveSource, RefusesAJobOfTheSameNameIntoAnotherTarget) {
    const auto pair = live_pair(GetParam(), kTables);
    auto other = live_pair(GetParam(), "");
    other.source = pair.source;
    ASSERT_TRUE(exited(run_live(pair), 0));
    const Arguments same_name = {"--job", pair.name};
    EXPECT_TRUE(
        refused(run_live(other, same_name), 3, {"captures this source", pair.name, "--job"}));
    // Nor does its drop take the other's capture away, with or without its journal.
    for (int i = 0; i < 2; ++i) {
        const auto dropped = pghaul(
            {"drop", "--source", other.source, "--target", other.target, "--job", pair.name});
        EXPECT_TRUE(exited(dropped, 0));
        EXPECT_TRUE(holds(dropped.err, "by another job"));
        EXPECT_EQ(traces(as_superuser(other).target), "");
    }
    pair.source_sql("insert into t values (9, 'x');");
    EXPECT_TRUE(exited(run_live(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_P(LiveSource, IsFreedByASecondDropAfterOneThatDied) {
    const auto pair = live_pair(GetParam(), kTables);
    ASSERT_TRUE(exited(run_live(pair), 0));
    const auto died = pghaul({"drop", "--source", pair.source, "--target", pair.target},
                             {{"PGHAUL_FAILPOINTS", "capture_removed=kill"}});
    EXPECT_EQ(died.signal, SIGKILL);
    const auto both = as_superuser(pair);
    EXPECT_NE(traces(both.source), "");
    pair.source_sql("insert into t values (3, 'c'); insert into p values (1); truncate bag;");
    EXPECT_TRUE(exited(drop(pair), 0));
    EXPECT_EQ(traces(both.source), "");
    EXPECT_EQ(traces(both.target), "");
    EXPECT_TRUE(exited(drop(pair), 0));
}

/// Found by a round of faults: the job was gone from the journal, which then was nobody's.
TEST_P(LiveSource, LeavesNoJournalAfterADropThatDiedBetweenTheJobAndTheSchema) {
    const auto pair = live_pair(GetParam(), kTables);
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.target_sql("delete from pghaul.job;");
    const auto dropped = drop(pair);
    EXPECT_TRUE(exited(dropped, 0));
    EXPECT_TRUE(holds(dropped.out, "empty journal"));
    EXPECT_EQ(traces(as_superuser(pair).target), "");
}

TEST_P(LiveSource, IsFreedWithoutTheTarget) {
    const auto pair = live_pair(GetParam(), kTables);
    ASSERT_TRUE(exited(run_live(pair), 0));
    ChildProcess following(follow_argv(pair));
    // The one that stays; follow opens others before it, and closes them.
    ASSERT_TRUE(eventually(
        [] { return pghaul_sessions(source_server()).find("/changes") != std::string::npos; }));
    EXPECT_TRUE(refused(pghaul({"drop", "--source", pair.source}), 75, {"is running"}));
    following.kill(SIGKILL);
    following.wait(5s);
    ASSERT_TRUE(no_sessions_left());
    const auto freed = pghaul({"drop", "--source", pair.source});
    EXPECT_TRUE(exited(freed, 0));
    EXPECT_TRUE(holds(freed.out, "triggers"));
    EXPECT_EQ(traces(as_superuser(pair).source), "");
    const auto again = pghaul({"drop", "--source", pair.source});
    EXPECT_TRUE(exited(again, 0));
    EXPECT_TRUE(holds(again.out, "nothing"));
    // The target's journal goes with a drop of its own, which says that the source is clean.
    EXPECT_TRUE(exited(drop(pair), 0));
    EXPECT_EQ(traces(as_superuser(pair).target), "");
}

TEST_P(LiveSource, IsNamedByADropThatLeavesItsTriggers) {
    const auto pair = live_pair(GetParam(), kTables);
    ASSERT_TRUE(exited(run_live(pair), 0));
    const auto dropped = pghaul({"drop", "--target", pair.target});
    EXPECT_TRUE(exited(dropped, 0));
    EXPECT_TRUE(holds(dropped.err, "pghaul drop --job " + pair.name + " --source"));
    EXPECT_EQ(traces(as_superuser(pair).target), "");
    EXPECT_NE(traces(as_superuser(pair).source), "");
    EXPECT_TRUE(exited(pghaul({"drop", "--source", pair.source, "--job", pair.name}), 0));
    EXPECT_EQ(traces(as_superuser(pair).source), "");
}

INSTANTIATE_TEST_SUITE_P(As, LiveSource, testing::Values(As::superuser, As::owner), as_name);

class SourceOfItsOwn : public HaulTest {};

TEST_F(SourceOfItsOwn, WithPreparedTransactionsHasThemNamed) {
    Cluster source(ClusterOptions{.settings = {"max_prepared_transactions=10"}});
    auto pair = fresh_pair();
    create_database(source, pair.name);
    pair.source = source.conninfo(pair.name);
    pair.source_sql(kTables);
    pair.source_sql("begin; insert into t values (2, 'b'); prepare transaction 'left alone';");
    EXPECT_TRUE(refused(run_live(pair), 75, {"left alone", "public.t", "ROLLBACK PREPARED"}));
    pair.source_sql("commit prepared 'left alone';");
    EXPECT_TRUE(exited(run_live(pair), 0));
    const auto differences = compare_databases(pair.source, pair.target);
    EXPECT_EQ(differences, "");
}

TEST_F(SourceOfItsOwn, ThatForgetsCommitsStillHasWhatWasCopied) {
    Cluster source(ClusterOptions{.settings = {"synchronous_commit=off", "wal_writer_delay=10s"}});
    auto pair = fresh_pair();
    create_database(source, pair.name);
    pair.source = source.conninfo(pair.name);
    pair.source_sql(kTables);
    ASSERT_TRUE(exited(run_live(pair, {"--until", "captured"}), 0));
    pair.source_sql("insert into t select i, 'w' from generate_series(100, 110) i;");
    ASSERT_TRUE(exited(run_live(pair, {"--until", "copied"}), 0));
    source.restart_immediate();
    EXPECT_EQ(pair.source_sql("select count(*) from t;"), "12");
    EXPECT_TRUE(exited(run_live(pair), 0));
    EXPECT_EQ(compare_databases(pair.source, pair.target), "");
}

}  // namespace
}  // namespace pghaul::test
