// What goes wrong in the middle of a run: servers that stop, restart, fill up or refuse a row. The
// run says what happened, or goes on by itself; and a rerun brings the job to its end.
#include <gtest/gtest.h>

#include <random>

#include "tests/cmd/haul_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;

class Failures : public HaulTest {
  protected:
    static std::string in_chunks() { return "--chunk-size=1MB"; }
    /// A gated table with some plain ones beside it, large enough to be under way for a while.
    static Pair gated_pair() {
        return fresh_pair(gated_table() + R"sql(
            create table beside (id int primary key, pad text);
            insert into beside select i, repeat('b', 200) from generate_series(1, 30000) i;
            create table keyless as select i % 7 as a, repeat('k', 200) as pad
              from generate_series(1, 20000) i;
            create table child (id int references beside);
            insert into child select generate_series(1, 100);
            create sequence s; select setval('s', 99);
            analyze;)sql");
    }
    /// Reruns until the job is done; each stop on the way must be one that says "run again".
    static void expect_done_by_reruns(const Pair& pair, const Arguments& more) {
        for (int attempt = 0; attempt < 10; ++attempt) {
            const auto result = run(pair, more);
            if (result.exit_code == 0) break;
            ASSERT_TRUE(exited(result, 75));
        }
        EXPECT_EQ(phase(pair), "done");
        EXPECT_TRUE(equal(pair, true));
    }
};

/// The server's processes: the postmaster and its children.
std::vector<pid_t> processes_of(pid_t postmaster) {
    std::vector<pid_t> found = {postmaster};
    for (const pid_t pid : all_processes()) {
        const auto stat = proc_file(pid, "stat");
        const auto end = stat.rfind(") ");
        if (end == std::string::npos) continue;
        if (std::atoi(stat.c_str() + end + 4) == postmaster) found.push_back(pid);
    }
    return found;
}

TEST_F(Failures, ATargetThatFreezesIsNoticedAndTheRerunFinishes) {
    const auto pair = gated_pair();
    Gate gate(pair);
    ChildProcess child(run_argv(pair, {in_chunks()}));
    ASSERT_TRUE(gate.reached());
    const auto frozen = processes_of(target_server().postmaster_pid());
    for (const pid_t pid : frozen) ::kill(pid, SIGSTOP);
    const auto result = child.wait(40s);
    for (const pid_t pid : frozen) ::kill(pid, SIGCONT);
    ASSERT_TRUE(result.has_value()) << "still running after 40 s:\n" << child.err();
    EXPECT_TRUE(refused(*result, 75, {"stopped answering"}) ||
                refused(*result, 75, {"timeout expired"}));
    gate.open();
    EXPECT_TRUE(exited(run(pair, {in_chunks(), "--restart-copy"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Failures, ATargetThatCrashesAndComesBackHoldsUpOneRunOnly) {
    const auto pair = gated_pair();
    Gate gate(pair);
    ChildProcess child(run_argv(pair, {in_chunks()}));
    ASSERT_TRUE(gate.reached());
    target_server().restart_immediate();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Failures, ATargetThatCrashesWhileAViewIsFilledHoldsUpOneRunOnly) {
    const auto pair = fresh_pair(
        "create function wait_at_gate() returns int language plpgsql as $$ begin"
        " perform pg_catalog.pg_advisory_lock_shared(4711);"
        " perform pg_catalog.pg_advisory_unlock_shared(4711); return 1; end $$;"
        "create materialized view waiting as select public.wait_at_gate();");
    Gate gate(pair);
    ChildProcess child(run_argv(pair));
    ASSERT_TRUE(gate.reached());
    target_server().restart_immediate();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_TRUE(holds(result->err, "trying again"));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select count(*) from waiting;"), "1");
}

TEST_F(Failures, ASourceThatCrashesEndsTheRunWithBothWaysToGoOn) {
    const auto pair = gated_pair();
    Gate gate(pair);
    ChildProcess child(run_argv(pair, {in_chunks()}));
    ASSERT_TRUE(gate.reached());
    ASSERT_TRUE(eventually([&] {
        return pair.target_sql(
                   "select count(*) > 0 from pghaul.chunk where loaded_at is not null;") == "t";
    }));
    source_server().restart_immediate();
    gate.open();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(refused(*result, 3, {"--restart-copy", "--source-is-quiet", "of 4 tables"}));
    pair.source_sql("insert into beside values (100000, 'later');");
    EXPECT_TRUE(exited(run(pair, {in_chunks(), "--restart-copy"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Failures, ASourceThatCrashesIsReadOnWhenItIsQuiet) {
    const auto pair = gated_pair();
    Gate gate(pair);
    // A second stream might have read all the rest before the crash.
    ChildProcess child(run_argv(pair, {in_chunks(), "--source-is-quiet", "-j", "1"}));
    ASSERT_TRUE(gate.reached());
    source_server().restart_immediate();
    gate.open();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot;"), "2");
}

TEST_F(Failures, ASourceThatCrashesBeforeAnythingIsLoadedIsReadAnewByTheSameRun) {
    // More than all buffers on the way hold, so the source is still sending when it crashes.
    const auto pair = fresh_pair(gated_table(120000));
    Gate gate(pair);
    ChildProcess child(run_argv(pair, {"-j", "1", "--chunk-size", "1GB"}));
    ASSERT_TRUE(gate.reached());
    source_server().restart_immediate();
    gate.open();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_TRUE(holds(result->err, "snapshot is lost"));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Failures, SessionsThatAreEndedOneByOneDoNotChangeTheResult) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto pair = gated_pair();
    const Arguments quiet = {in_chunks(), "--source-is-quiet"};
    Gate gate(pair);
    ChildProcess child(run_argv(pair, quiet));
    ASSERT_TRUE(gate.reached());
    const auto end_one = [&](const Cluster& server) {
        return psql(server.conninfo("postgres"),
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name "
                    "like 'pghaul/" +
                        pair.name + "/%' order by md5(pid || '" + std::to_string(random()) +
                        "') limit 1;") == "t";
    };
    for (int ended = 0; ended < 5 && child.running(); ++ended) {
        const auto& server = random() % 2 == 0 ? source_server() : target_server();
        ASSERT_TRUE(eventually([&] { return end_one(server) || !child.running(); }));
    }
    gate.open();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    // However many of them fell, a stop is one that a rerun mends.
    EXPECT_TRUE(exited(*result, result->exit_code == 0 ? 0 : 75));
    expect_done_by_reruns(pair, quiet);
}

TEST_F(Failures, ARowThatTheTargetRejectsNamesTableConstraintAndWhatToDo) {
    // Its check looks into another table, which the target does not have filled yet.
    const auto pair = fresh_pair(R"sql(
        create table zones (id int primary key);
        create function known(i int) returns boolean language sql as $$
            select exists (select 1 from public.zones where id = i) $$;
        create table "pla.ces" (id int primary key, zone int,
            constraint "zone is .known" check (known(zone)), pad text);
        insert into zones values (1);
        insert into "pla.ces" select i, 1, repeat('p', 200) from generate_series(1, 20000) i;
        alter table zones rename to zones_;
        alter table zones_ rename to zones;
        create index on zones (id);
        analyze;)sql");
    const auto result = run(pair, {in_chunks(), "-j", "1"});
    EXPECT_TRUE(refused(result, 1, {"pla.ces", "23514", "zone is .known", "check constraint"}));
    pair.source_sql("alter table \"pla.ces\" drop constraint \"zone is .known\";");
    EXPECT_TRUE(exited(run(pair, {in_chunks(), "--restart-copy"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Failures, DuplicatesInAUniqueIndexNameTableAndIndexAndARerunGoesOnAfterwards) {
    // As after index corruption: the source believes in a uniqueness that its rows do not have.
    const auto pair = fresh_pair(R"sql(
        create table good as select generate_series(1, 10) as a;
        create table doubled (a int);
        insert into doubled values (1), (2), (2);
        create index "uniq .doubled" on doubled (a);
        update pg_index set indisunique = true where indexrelid = '"uniq .doubled"'::regclass;)sql");
    const auto result = run(pair);
    EXPECT_TRUE(refused(result, 1, {"doubled", "23505", "uniq .doubled"}));
    pair.source_sql("delete from doubled where ctid = '(0,3)';");
    EXPECT_TRUE(exited(run(pair, {"--restart-copy"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Failures, AViewThatCannotBeFilledIsAProblemAndNoEnd) {
    const auto pair = fresh_pair(R"sql(
        create table t as select 1 as a;
        create materialized view broken as select 1 / a as b from t;
        create materialized view sound as select a from t;
        create function refuse() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger later after insert on t execute function refuse();
        update t set a = 0;)sql");
    const auto result = run(pair);
    EXPECT_TRUE(exited(result, 1));
    EXPECT_TRUE(holds(result.out, "broken"));
    EXPECT_TRUE(holds(result.out, "division by zero"));
    EXPECT_EQ(phase(pair), "done");
    EXPECT_EQ(pair.target_sql("select * from sound;"), "0");
    EXPECT_EQ(pair.target_sql("select tgname from pg_trigger where tgrelid = 't'::regclass;"),
              "later");
}

}  // namespace
}  // namespace pghaul::test
