// The last step of a live move: writers locked out, the rest brought, the fence; and what must not
// be left when it fails, is undone or is killed halfway.
#include <gtest/gtest.h>

#include "tests/cmd/live_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

constexpr const char* kInChunks = "--chunk-size=1MB";

ProcessResult cut_over(const Pair& pair, const Arguments& more = {}, const Environment& env = {}) {
    Arguments argv = {PGHAUL_PROGRAM, "cutover",   "--source",   pair.source,
                      "--target",     pair.target, "--progress", "none"};
    argv.insert(argv.end(), more.begin(), more.end());
    return run_process(argv, env);
}

/// What a write to the source is told; empty if it is taken.
std::string refusal(const Pair& pair, const std::string& sql) {
    try {
        pair.source_sql("begin; " + sql + " rollback;");
        return {};
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

constexpr const char* kPlain = R"sql(
    create table plain (id int primary key, v text unique);
    insert into plain select i, 'v' || i from generate_series(1, 500) i;
    create table leaf_of (id int, d date, primary key (id, d)) partition by range (d);
    create table leaf partition of leaf_of default;
    insert into leaf_of select i, '2024-01-01' from generate_series(1, 100) i;
    create table child (id int primary key, p int references plain);
    insert into child select i, i from generate_series(1, 50) i;
    comment on constraint child_p_fkey on child is 'kept';
    create sequence ticks;
    create function shout() returns trigger language plpgsql as
        $$ begin raise exception 'a trigger of the application fired'; end $$;
    create trigger loud before delete on plain for each row when (old.id < 0)
        execute procedure shout();
    alter table plain enable always trigger loud;
)sql";

class Cutover : public LiveTest {};

TEST_P(Cutover, MovesUnderWritersAndFencesThemOff) {
    const auto pair = live_pair(GetParam(), busy_tables());
    Writers writers(pair.source, busy_writers());
    ASSERT_TRUE(exited(run_live(pair, {kInChunks}), 0));
    writers.await(2);
    const auto moved = cut_over(pair);
    writers.stop();
    ASSERT_TRUE(exited(moved, 0));
    EXPECT_TRUE(holds(moved.out, "writers were paused for "));
    EXPECT_TRUE(equal(as_superuser(pair)));
    EXPECT_TRUE(no_sessions_left());
    const auto again = cut_over(pair);
    EXPECT_TRUE(exited(again, 0));
    EXPECT_TRUE(holds(again.out, "was cut over already"));
}

TEST_P(Cutover, BringsTriggersKeysAndSequencesToTheirSourceState) {
    const auto pair = live_pair(GetParam(), kPlain);
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.source_sql(
        "update plain set id = -id where id > 400; update plain set v = 'v' || (501 - id) where "
        "id between 1 and 400 and false; select nextval('ticks');"
        "delete from child where id > 40; delete from plain where id = 300;");
    ASSERT_TRUE(exited(cut_over(pair), 0));
    EXPECT_TRUE(refusal(pair, "insert into plain values (0, 'x');").find("has moved to") !=
                std::string::npos);
    EXPECT_NE(refusal(pair, "update leaf_of set d = '2024-02-01' where id = 1;"), "");
    EXPECT_NE(refusal(pair, "truncate child;"), "");
    EXPECT_EQ(pair.target_sql("select convalidated, obj_description(oid, 'pg_constraint') from "
                              "pg_constraint where conname = 'child_p_fkey';"),
              "t|kept");
    EXPECT_EQ(pair.target_sql("select tgenabled from pg_trigger where tgname = 'loud';"), "A");
    ASSERT_TRUE(exited(drop(pair), 0));
    EXPECT_TRUE(equal(as_superuser(pair)));
    EXPECT_EQ(refusal(pair, "insert into plain values (0, 'x');"), "") << "drop lifts the fence";
}

TEST_P(Cutover, CanBeUndoneAndDoneAgain) {
    const auto pair = live_pair(GetParam(), kPlain);
    ASSERT_TRUE(exited(run_live(pair), 0));
    ASSERT_TRUE(exited(cut_over(pair), 0));
    EXPECT_TRUE(refused(follow(pair), 3, {"is cut over"}));
    const auto undone = cut_over(pair, {"--undo", "--json"});
    ASSERT_TRUE(exited(undone, 0));
    EXPECT_TRUE(holds(undone.out, "\"fence_lifted\": true"));
    pair.source_sql("insert into plain values (1000, 'after'); delete from child where id = 1;");
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
    EXPECT_TRUE(exited(cut_over(pair), 0));
    EXPECT_NE(refusal(pair, "delete from plain where id = 1000;"), "");
    EXPECT_TRUE(same_rows(pair));
}

TEST_P(Cutover, TakesOverTablesAndPartitionsThatWereMadeMeanwhile) {
    const auto pair = live_pair(GetParam(), kPlain);
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.source_sql(R"sql(
        create table leaf_new partition of leaf_of for values from ('2030-01-01') to ('2031-01-01');
        insert into leaf_of select i, '2030-05-05' from generate_series(1, 20) i;
        create table late (id serial primary key, v text unique, p int references plain);
        insert into late (v, p) select 'l' || i, i from generate_series(1, 30) i;
    )sql");
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
    pair.source_sql(
        "update late set v = v || '!' where id < 9; delete from leaf_new where id = 3;");
    ASSERT_TRUE(exited(cut_over(pair), 0));
    EXPECT_EQ(pair.target_sql("select count(*) from pg_index where indrelid in ('late'::regclass, "
                              "'leaf_new'::regclass) and indisvalid;"),
              "3");
    ASSERT_TRUE(exited(drop(pair), 0));
    EXPECT_TRUE(equal(as_superuser(pair)));
}

TEST_P(Cutover, NamesWhatWasAlteredAndLeavesTheSourceWritable) {
    const auto pair = live_pair(GetParam(), kPlain);
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.source_sql("alter table plain add column more int;");
    EXPECT_TRUE(refused(cut_over(pair), 3, {"public.plain", "columns"}));
    EXPECT_EQ(refusal(pair, "insert into plain values (0, 'x');"), "");
    pair.source_sql("alter table plain drop column more;");
    EXPECT_TRUE(exited(cut_over(pair), 0));
}

TEST_P(Cutover, TakesEverythingBackWhenThePauseGrowsTooLong) {
    const auto pair = live_pair(GetParam(), kPlain);
    ASSERT_TRUE(exited(run_live(pair), 0));
    EXPECT_TRUE(refused(cut_over(pair, {"--max-pause", "1ms"}), 75, {"the pause grew longer"}));
    EXPECT_EQ(refusal(pair, "insert into plain values (0, 'x');"), "");
    EXPECT_TRUE(no_sessions_left());
    EXPECT_TRUE(exited(cut_over(pair), 0));
}

/// Found by a round of faults: whatever another session of ours reads stands in line behind it.
TEST_P(Cutover, IsNotHeldUpByATruncateThatWaitsForIt) {
    const auto pair = live_pair(GetParam(), kPlain);
    ASSERT_TRUE(exited(run_live(pair), 0));
    Writers writers(pair.source, {"begin; truncate child; commit; select pg_sleep(0.05)",
                                  "begin; truncate leaf_of; commit; select pg_sleep(0.05)"});
    writers.await(2);
    // Below what the writers wait for a lock. Without their pauses no window might ever open.
    EXPECT_TRUE(exited(cut_over(pair, {"--max-pause", "4s"}), 0));
    writers.stop();
    EXPECT_TRUE(equal(as_superuser(pair)));
}

TEST_P(Cutover, NamesAWriterThatDoesNotLetGo) {
    const auto pair = live_pair(GetParam(), kPlain);
    ASSERT_TRUE(exited(run_live(pair), 0));
    Holder holder(pair.source, "begin; insert into public.plain values (0, 'held')");
    EXPECT_TRUE(refused(cut_over(pair, {"--lock-timeout", "100ms"}), 75,
                        {"pid " + std::to_string(holder.pid())}));
    holder.let_go();
    EXPECT_TRUE(exited(cut_over(pair), 0));
}

INSTANTIATE_TEST_SUITE_P(As, Cutover, testing::Values(As::superuser, As::owner), as_name);

class CutoverKilledAt : public HaulTest, public testing::WithParamInterface<std::string> {};

TEST_P(CutoverKilledAt, FinishesWithTheRerun) {
    const auto pair = live_pair(As::owner, kPlain);
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.source_sql("insert into plain select i, 'w' || i from generate_series(1001, 1100) i;");
    const auto killed = cut_over(pair, {}, {{"PGHAUL_FAILPOINTS", GetParam() + "=kill"}});
    ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
    const bool fenced = GetParam() == "cutover_after_fence" || GetParam() == "cutover_before_mark";
    EXPECT_TRUE(eventually([&] {
        return refusal(pair, "insert into plain values (0, 'x');").empty() != fenced;
    })) << "up to the fence's commit, nothing of it may be left";
    if (!fenced) pair.source_sql("insert into plain values (2000, 'between');");
    ASSERT_TRUE(exited(cut_over(pair), 0));
    EXPECT_NE(refusal(pair, "insert into plain values (0, 'x');"), "");
    ASSERT_TRUE(exited(drop(pair), 0));
    EXPECT_TRUE(equal(as_superuser(pair)));
}

INSTANTIATE_TEST_SUITE_P(EveryFailpoint, CutoverKilledAt,
                         testing::Values("cutover_locked", "cutover_drained",
                                         "cutover_before_fence", "cutover_after_fence",
                                         "cutover_before_mark"),
                         [](const auto& point) { return point.param; });

}  // namespace
}  // namespace pghaul::test
