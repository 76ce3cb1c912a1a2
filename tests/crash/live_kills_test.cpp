// A move that is killed at each named place while the application writes, and the rerun that must
// end with both sides equal.
#include <gtest/gtest.h>

#include <cctype>

#include "tests/cmd/live_steps.hpp"
#include "tests/support/shared_servers.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kInChunks = "--chunk-size=1MB";

class LiveKilledAt : public HaulTest, public testing::WithParamInterface<std::string> {
  protected:
    /// Odd places as a mere owner, even ones as superuser: both meet every kind of place.
    static As as() {
        static int number = 0;
        return ++number % 2 == 0 ? As::superuser : As::owner;
    }
};

TEST_P(LiveKilledAt, FinishesWithTheRerun) {
    const auto pair = live_pair(as(), busy_tables());
    Writers writers(pair.source, busy_writers());
    writers.await(1);
    const auto killed = run_live(pair, {kInChunks}, {{"PGHAUL_FAILPOINTS", GetParam()}});
    ASSERT_EQ(killed.signal, SIGKILL) << "the run did not pass there:\n" << killed.err;
    writers.await(1);
    ASSERT_TRUE(exited(run_live(pair, {kInChunks}), 0));
    writers.stop();
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    for (auto& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(EveryFailpoint, LiveKilledAt,
                         testing::Values("journal_created=kill", "capture_site_made=kill",
                                         "capture_installed=kill", "capture_installed=kill@4",
                                         "captured_before_phase=kill", "snapshot_exported=kill",
                                         "plan_recorded=kill", "copy_before_commit=kill@3",
                                         "copy_after_commit=kill@2", "copied_before_phase=kill",
                                         "window_opened=kill", "window_opened=kill@2",
                                         "window_before_commit=kill", "window_before_commit=kill@2",
                                         "window_after_commit=kill", "window_after_commit=kill@2",
                                         "window_deltas_removed=kill",
                                         "window_deltas_removed=kill@2", "sequences_after=kill",
                                         "done_before_phase=kill"),
                         test_name);

class LiveCrash : public HaulTest {};

TEST_F(LiveCrash, BetweenTheTwoPassesOfALargeWindowIsMended) {
    const auto pair = live_pair(As::owner, R"sql(
        create table t (id int primary key, v int);
        insert into t select i, i from generate_series(1, 105000) i;
        create table log (n int);
        insert into log values (1), (1), (2);
    )sql");
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.source_sql(
        "update t set v = -v; update t set v = v - 1; insert into log values (1), (3);"
        "create table new_log (n int); insert into new_log values (1), (1);");
    const auto killed = run_process(follow_argv(pair, {"--until-current"}),
                                    {{"PGHAUL_FAILPOINTS", "window_keys_deleted=kill"}});
    ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
    EXPECT_EQ(pair.target_sql("select count(*) from t;"), "0");
    pair.source_sql(
        "delete from t where id % 2 = 0; insert into t values (-1, -1); insert into log values (1);"
        "insert into new_log values (1);");
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_F(LiveCrash, ErrorsThatPassAreRetriedByTheSameRun) {
    for (const std::string name : {"window_opened", "window_before_commit", "window_after_commit",
                                   "window_deltas_removed"}) {
        SCOPED_TRACE(name);
        const auto pair = live_pair(As::owner, "create table t (id int primary key);");
        ASSERT_TRUE(exited(run_live(pair), 0));
        pair.source_sql("insert into t values (1), (2);");
        const auto followed = follow(pair, {{"PGHAUL_FAILPOINTS", name + "=error@1"}});
        EXPECT_TRUE(exited(followed, 0));
        EXPECT_TRUE(holds(followed.err, "trying again"));
        EXPECT_TRUE(same_rows(pair));
        EXPECT_EQ(pair.target_sql("select delta_rows from pghaul.job;"), "2");
    }
}

/// Found by a round of faults: the chunk was loaded, and was then taken for another run's.
TEST_F(LiveCrash, ASourceLostRightAfterAChunkIsLoadedIsRetriedByTheSameRun) {
    auto pair = live_pair(As::superuser, busy_tables());
    ASSERT_TRUE(exited(run_live(pair, {"--until", "captured"}), 0));
    TcpProxy proxy(source_server().port());
    proxy.lose_answer_of_commit();
    pair.source = "host=127.0.0.1 port=" + std::to_string(proxy.port()) +
                  " user=postgres sslmode=disable gssencmode=disable dbname=" + pair.name;
    const auto moved = run_live(pair, {kInChunks});
    EXPECT_TRUE(exited(moved, 0));
    EXPECT_EQ(proxy.answers_lost(), 1);
    EXPECT_TRUE(holds(moved.err, "statement end_stream"));
    EXPECT_TRUE(same_rows(pair));
}

/// Rows at both ends of the table change places in a unique column while a run is interrupted, so
/// that the copy, made of two snapshots, holds a value twice (invariant 5).
TEST_F(LiveCrash, ACopyOfSeveralSnapshotsMayViolateItsIndexesUntilTheChangesAreIn) {
    for (const As as : {As::superuser, As::owner}) {
        const auto pair = live_pair(as, R"sql(
            create table t (id int primary key, u int not null unique, pad text,
                w int unique deferrable initially deferred, x int4range,
                exclude using gist (x with &&));
            insert into t select i, i, repeat('p', 800), i, int4range(i, i + 1)
              from generate_series(1, 3000) i;
            create table child (id int primary key references t (u) on delete cascade deferrable
                initially deferred, pad text);
            insert into child select i, repeat('c', 800) from generate_series(1, 1500) i;
            analyze;
        )sql");
        const auto killed = run_live(pair, {kInChunks, "-j", "1"},
                                     {{"PGHAUL_FAILPOINTS", "copy_after_commit=kill@2"}});
        ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
        pair.source_sql(R"sql(
            begin;
            update t set u = -u, x = int4range(u + 100000, u + 100001);
            update t set u = 3001 + u, w = 3001 - w, x = int4range(3001 - id, 3002 - id);
            update t set id = -id;
            update t set id = id + 3001;
            commit;
            delete from t where id % 1000 = 0;
            insert into t values (50000, 1000, 'new', 1000, '[1000,1001)');
        )sql");
        ASSERT_TRUE(exited(run_live(pair, {kInChunks, "-j", "1"}), 0));
        EXPECT_GT(std::stoi(pair.target_sql("select count(*) from pghaul.snapshot;")), 1);
        EXPECT_EQ(pair.target_sql("select count(distinct snapshot) from pghaul.chunk where "
                                  "table_number = 0;"),
                  "2")
            << "the largest table must be of two moments";
        EXPECT_TRUE(same_rows(pair));
    }
}

}  // namespace
}  // namespace pghaul::test
