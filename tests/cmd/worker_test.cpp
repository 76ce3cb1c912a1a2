// pghaul worker: processes that join a run, share its snapshot and its work, and come and go.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/cmd/live_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kInChunks = "--chunk-size=1MB";

/// Beside the gated table one that passes, with an index that is worth a worker's time.
std::string tables() {
    return gated_table(40000) +
           "create table free (id int primary key, pad text);"
           "insert into free select i, md5(i::text) || repeat('x', 200)"
           "  from generate_series(1, 25000) i;"
           "create index free_pad on free (pad); create table small (id int primary key);"
           "insert into small values (1), (2); analyze;";
}

Arguments worker_argv(const Pair& pair, const std::string& jobs = "1") {
    return {PGHAUL_PROGRAM, "worker", "--source", pair.source, "--target",   pair.target, "--job",
            pair.name,      "-j",     jobs,       "--json",    "--progress", "none"};
}

std::int64_t rows_of(const ProcessResult& worker) {
    return nlohmann::json::parse(worker.out).at("rows").get<std::int64_t>();
}

bool all_loaded_but(const Pair& pair, int chunks) {
    return pair.target_sql("select count(*) filter (where loaded_at is null) from pghaul.chunk;") ==
           std::to_string(chunks);
}

class WorkerTest : public HaulTest {};

TEST_F(WorkerTest, LoadsAndIndexesWhatTheRunHasNotInHand) {
    const auto pair = fresh_pair(tables());
    Gate gate(pair);
    ChildProcess run(run_argv(pair, {kInChunks, "-j", "1"}));
    ASSERT_TRUE(gate.reached());
    ChildProcess worker(worker_argv(pair));
    ChildProcess other(worker_argv(pair));
    // The run's only stream stands before the gate, with one chunk.
    ASSERT_TRUE(eventually([&] { return all_loaded_but(pair, 1); }));
    EXPECT_TRUE(eventually([&] {
        return pair.target_sql("select to_regclass('public.free_pad') is not null;") == "t";
    })) << "the free table's index can be built";
    EXPECT_TRUE(worker.running());
    gate.open();
    const auto ended = run.wait(60s);
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
    std::int64_t rows = 0;
    for (auto* one : {&worker, &other}) {
        const auto helped = one->wait(20s);
        ASSERT_TRUE(helped);
        EXPECT_TRUE(exited(*helped, 0));
        rows += rows_of(*helped);
    }
    EXPECT_GE(rows, 25000);
    EXPECT_TRUE(equal(pair, true));
    EXPECT_TRUE(no_sessions_left());
    EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot where exported is not null;"),
              "0");
    EXPECT_EQ(pair.target_sql("select string_agg(distinct proof, ',') from pghaul.table_plan;"),
              "read back")
        << "what workers loaded is proven too";
}

/// The worker gets the chunk that stands before the gate, and dies with it.
TEST_F(WorkerTest, ThatIsKilledLeavesItsChunkToTheRun) {
    const auto pair = fresh_pair(tables());
    Gate gate(pair);
    ChildProcess run(run_argv(pair, {kInChunks, "-j", "1"}));
    ASSERT_TRUE(gate.reached());
    const auto held = pair.target_sql(
        "select pid from pg_locks where locktype = 'advisory' and objid = 4711 and not granted;");
    ChildProcess worker(worker_argv(pair));
    ASSERT_TRUE(eventually([&] { return all_loaded_but(pair, 1); }));
    // The run's session is lost, so its chunk is free: the worker, which looks for work, takes it.
    pair.target_sql("select pg_terminate_backend(" + held + ");");
    ASSERT_TRUE(gate.reached());
    worker.kill(SIGKILL);
    ASSERT_TRUE(worker.wait(5s));
    gate.open();
    const auto ended = run.wait(60s);
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
    EXPECT_TRUE(equal(pair, true));
}

/// Many small tables with all that is made in their rows' transaction.
std::string small_tables(int count) {
    return "do $$ begin for i in 1.." + std::to_string(count) +
           " loop execute format('create table small_%s (id int primary key, pad text unique)', "
           "i); execute format('insert into small_%s select g, g::text from generate_series(1, "
           "%s) g', i, i % 50); end loop; end $$; analyze;";
}

TEST_F(WorkerTest, LoadsSmallTablesInGroupsAndFinishesAndProvesThem) {
    const auto pair = fresh_pair(gated_table(40000) + small_tables(200));
    Gate gate(pair);
    ChildProcess run(run_argv(pair, {kInChunks, "-j", "1"}));
    ASSERT_TRUE(gate.reached());
    ChildProcess worker(worker_argv(pair));
    ChildProcess other(worker_argv(pair));
    ASSERT_TRUE(eventually([&] { return all_loaded_but(pair, 1); }));
    EXPECT_EQ(pair.target_sql("select count(*), min(proof) from pghaul.table_plan "
                              "where table_name like '%small%' and finished_at is not null;"),
              "200|read back");
    gate.open();
    const auto ended = run.wait(60s);
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
    EXPECT_EQ(ended->err.find("trying again"), std::string::npos) << ended->err;
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select string_agg(distinct proof, ',') from pghaul.table_plan;"),
              "read back");
}

TEST_F(WorkerTest, SharesGroupsWithTheRunsOwnStreams) {
    const auto pair = fresh_pair(gated_table(40000) + small_tables(600));
    Gate gate(pair);
    ChildProcess run(run_argv(pair, {kInChunks, "-j", "3"}));
    ASSERT_TRUE(gate.reached());
    ChildProcess worker(worker_argv(pair, "3"));
    ChildProcess other(worker_argv(pair, "3"));
    ASSERT_TRUE(eventually([&] { return all_loaded_but(pair, 1); }));
    gate.open();
    const auto ended = run.wait(90s);
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
    for (auto* one : {&worker, &other}) {
        const auto helped = one->wait(20s);
        ASSERT_TRUE(helped);
        EXPECT_TRUE(exited(*helped, 0));
    }
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select string_agg(distinct proof, ',') from pghaul.table_plan;"),
              "read back");
}

TEST_F(WorkerTest, ThatIsKilledInAGroupLeavesAllOfItToTheRun) {
    const auto pair = fresh_pair(gated_table(40000) + small_tables(200));
    Gate gate(pair);
    ChildProcess run(run_argv(pair, {kInChunks, "-j", "1"}));
    ASSERT_TRUE(gate.reached());
    ChildProcess worker(worker_argv(pair), {{"PGHAUL_FAILPOINTS", "copy_after_read=kill@90"}});
    const auto dead = worker.wait(60s);
    ASSERT_TRUE(dead);
    EXPECT_EQ(dead->signal, SIGKILL);
    gate.open();
    const auto ended = run.wait(60s);
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select string_agg(distinct proof, ',') from pghaul.table_plan;"),
              "read back");
}

TEST_F(WorkerTest, OfARunThatIsKilledEndsAndTheNextRunFinishes) {
    const auto pair = fresh_pair(tables());
    Gate gate(pair);
    ChildProcess run(run_argv(pair, {kInChunks, "-j", "1"}));
    ASSERT_TRUE(gate.reached());
    ChildProcess worker(worker_argv(pair));
    ASSERT_TRUE(eventually([&] { return all_loaded_but(pair, 1); }));
    run.kill(SIGKILL);
    ASSERT_TRUE(run.wait(5s));
    gate.open();
    const auto left = worker.wait(60s);
    ASSERT_TRUE(left) << "it waits for ever";
    EXPECT_TRUE(left->exit_code == 0 || refused(*left, 75, {"nobody runs job"}));
    EXPECT_TRUE(exited(test::run(pair, {kInChunks, "--source-is-quiet"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(WorkerTest, HelpsWhileChangesAreCaptured) {
    const auto pair = live_pair(As::owner, busy_tables());
    Writers writers(pair.source, busy_writers());
    writers.await(1);
    ASSERT_TRUE(exited(run_live(pair, {"--until", "captured"}), 0));
    ChildProcess run(live_argv(pair, {kInChunks, "-j", "1"}));
    ASSERT_TRUE(run.wait_for_output("pghaul: job", 10s));
    ChildProcess worker(worker_argv(pair));
    const auto ended = run.wait(120s);
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
    const auto helped = worker.wait(20s);
    ASSERT_TRUE(helped);
    EXPECT_TRUE(helped->exit_code == 0 || exited(*helped, 75));
    writers.stop();
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_F(WorkerTest, SaysWhatItCanNotJoin) {
    const auto pair = fresh_pair("create table t (id int);");
    const auto other = fresh_pair("create table t (id int);");
    const auto worker = [](const Pair& at, const std::string& job) {
        return pghaul({"worker", "--source", at.source, "--target", at.target, "--job", job});
    };
    EXPECT_TRUE(refused(worker(pair, "none"), 1, {"there is no job none", "pghaul run"}));
    ASSERT_TRUE(exited(run(pair), 0));
    EXPECT_TRUE(exited(worker(pair, pair.name), 0)) << "nothing is left to do";
    pair.target_sql("update pghaul.job set phase = 'copying';");
    EXPECT_TRUE(refused(worker(pair, pair.name), 75, {"nobody runs job " + pair.name}));
    EXPECT_TRUE(refused(worker({pair.name, other.source, pair.target}, pair.name), 3,
                        {"not the given source"}));
}

}  // namespace
}  // namespace pghaul::test
