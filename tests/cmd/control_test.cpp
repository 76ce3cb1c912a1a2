// How a run is steered and watched: signals, time windows, one run at a time, locks in the way,
// progress, JSON, the configuration file, status.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "io/temp_dir.hpp"
#include "tests/cmd/haul_steps.hpp"
#include "tests/support/shared_servers.hpp"
#include "tests/support/silent_listener.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class Control : public HaulTest {
  protected:
    static Pair gated_pair() { return fresh_pair(gated_table()); }
    static std::string in_chunks() { return "--chunk-size=1MB"; }
};

TEST_F(Control, ASignalStopsTheRunTidilyWithinFiveSeconds) {
    for (const int signal : {SIGINT, SIGTERM}) {
        const auto pair = gated_pair();
        Gate gate(pair);
        ChildProcess child(run_argv(pair, {in_chunks(), "-j", "1"}));
        ASSERT_TRUE(gate.reached());
        child.kill(signal);
        const auto result = child.wait(5s);
        ASSERT_TRUE(result.has_value()) << "still running after 5 s";
        EXPECT_TRUE(refused(*result, 75, {"signal"}));
        EXPECT_TRUE(no_sessions_left())
            << pghaul_sessions(source_server()) << pghaul_sessions(target_server());
        gate.open();
        const auto loaded = pair.target_sql(
            "select count(*) from pghaul.chunk where loaded_at is not "
            "null;");
        EXPECT_NE(loaded, "0");
        EXPECT_TRUE(exited(run(pair, {in_chunks(), "--source-is-quiet"}), 0));
        EXPECT_TRUE(equal(pair, true));
    }
}

TEST_F(Control, ASignalStopsARunThatWaitsForALock) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    Holder holder(pair.source, "begin; lock table public.t in access exclusive mode");
    ChildProcess child(run_argv(pair));
    ASSERT_TRUE(eventually([&] {
        return pair.source_sql("select count(*) > 0 from pg_locks where not granted;") == "t";
    }));
    child.kill(SIGINT);
    const auto result = child.wait(5s);
    ASSERT_TRUE(result.has_value()) << "still running after 5 s";
    EXPECT_TRUE(exited(*result, 75));
    EXPECT_TRUE(no_sessions_left());
}

TEST_F(Control, ASignalStopsARunThatWaitsForAServerToAnswer) {
    const auto pair = fresh_pair();
    for (const auto manner : {SilentListener::Manner::accepting, SilentListener::Manner::full}) {
        for (const bool target : {false, true}) {
            const SilentListener silent(manner);
            ChildProcess child({PGHAUL_PROGRAM, "run", "--no-capture", "--source",
                                target ? pair.source : silent.conninfo(), "--target",
                                target ? silent.conninfo() : pair.target});
            ASSERT_TRUE(silent.reached(10s));
            ASSERT_TRUE(child.wait_for_output("pghaul: job", 10s));
            child.kill(SIGINT);
            const auto result = child.wait(2s);
            ASSERT_TRUE(result.has_value()) << "still running after 2 s";
            EXPECT_TRUE(refused(*result, 75, {"signal"}));
        }
    }
}

/// Found by a round of faults: both ends of a connection lived, and it passed nothing.
TEST_F(Control, AConnectionThatTheNetworkForgotEndsTheWaitForItWithinHalfAMinute) {
    const auto pair = fresh_pair("create table t as select generate_series(1, 10) as a;");
    TcpProxy proxy(target_server().port());
    auto through = pair;
    through.target = "host=127.0.0.1 port=" + std::to_string(proxy.port()) +
                     " user=postgres sslmode=disable gssencmode=disable dbname=" + pair.name;
    ChildProcess child(run_argv(through));
    // Not while it is being reached: that has a bound of its own.
    ASSERT_TRUE(eventually([&] {
        return pair.target_sql(
                   "select count(*) > 0 from pg_stat_activity where datname = current_database() "
                   "and pid <> pg_backend_pid() and query <> '';") == "t";
    }));
    ASSERT_GT(proxy.stall(/*newcomers=*/false), 0);
    const auto ended = child.wait(std::chrono::seconds(40));
    ASSERT_TRUE(ended) << "it waits for ever";
    EXPECT_TRUE(refused(*ended, 75, {"answers, but not on this connection", "proxy"}));
    proxy.end_all(TcpProxy::End::closed);
    EXPECT_TRUE(exited(run(pair), 0));
}

/// Found by a round of faults: the session that the network had forgotten kept its locks, and the
/// retry stood in line behind them.
TEST_F(Control, ACopyWhoseConnectionIsForgottenIsDoneAgainByTheSameRun) {
    const auto pair = fresh_pair(
        "create table t (id int primary key, pad text); insert into t "
        "select i, repeat('x', 200) from generate_series(1, 200000) i; analyze t;");
    TcpProxy proxy(target_server().port());
    auto through = pair;
    through.target = "host=127.0.0.1 port=" + std::to_string(proxy.port()) +
                     " user=postgres sslmode=disable gssencmode=disable dbname=" + pair.name;
    ChildProcess child(run_argv(through, {in_chunks()}));
    ASSERT_TRUE(eventually([&] {
        return pair.target_sql(
                   "select count(*) > 0 from pg_stat_activity where datname = current_database() "
                   "and query like 'copy %' and state = 'active';") == "t";
    }));
    ASSERT_GT(proxy.stall(/*newcomers=*/false), 0);
    const auto ended = child.wait(std::chrono::seconds(90));
    ASSERT_TRUE(ended) << "it waits for ever";
    EXPECT_TRUE(exited(*ended, 0));
    EXPECT_TRUE(holds(ended->err, "trying again"));
    proxy.end_all(TcpProxy::End::closed);
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Control, ATableThatIsLockedNamesTheSessionInTheWay) {
    const auto pair = fresh_pair("create table \"in .use\" as select 1 as a;");
    Holder holder(pair.source, "begin; lock table public.\"in .use\" in access exclusive mode");
    const auto result = run(pair);
    EXPECT_TRUE(refused(
        result, 75, {"in .use", "pid " + std::to_string(holder.pid()), "lock table", "run again"}));
    holder.let_go();
    EXPECT_TRUE(exited(run(pair), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Control, OneRunHoldsAJobAtATime) {
    const auto pair = gated_pair();
    Gate gate(pair);
    ChildProcess first(run_argv(pair, {in_chunks()}));
    ASSERT_TRUE(gate.reached());
    const auto second = run(pair, {in_chunks()});
    EXPECT_TRUE(refused(second, 75, {"is being run by", "process " + std::to_string(first.pid())}));
    const auto dropping = drop(pair);
    EXPECT_TRUE(refused(dropping, 75, {"process " + std::to_string(first.pid())}));

    const auto status = pghaul({"status", "--json", "--target", pair.target});
    ASSERT_TRUE(exited(status, 0));
    const auto said = json::parse(status.out);
    EXPECT_EQ(said.at("running"), true);
    EXPECT_EQ(said.at("phase"), "copying");
    EXPECT_EQ(said.at("job"), pair.name);
    EXPECT_GE(said.at("chunks"), 4);
    EXPECT_LT(said.at("chunks_loaded"), said.at("chunks"));

    gate.open();
    const auto result = first.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_TRUE(equal(pair, true));
    const auto after = pghaul({"status", "--target", pair.target});
    EXPECT_TRUE(exited(after, 0));
    EXPECT_TRUE(holds(after.out, "phase     done"));
}

TEST_F(Control, ATimeWindowEndsBetweenChunksAndTheNextRunGoesOn) {
    const auto pair = gated_pair();
    Gate gate(pair);
    const auto began = std::chrono::steady_clock::now();
    const Arguments window = {in_chunks(), "-j", "1", "--source-is-quiet", "--max-runtime", "5s"};
    ChildProcess child(run_argv(pair, window));
    ASSERT_TRUE(gate.reached());
    // The window closes while the gate holds a chunk; that chunk is still finished.
    ASSERT_TRUE(eventually([&] { return std::chrono::steady_clock::now() > began + 6s; }));
    gate.open();
    const auto result = child.wait(20s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(refused(*result, 75, {"the time is up", "chunks loaded"}));
    const auto loaded = pair.target_sql(
        "select count(*) filter (where loaded_at is not null) between 1 and count(*) - 1 "
        "from pghaul.chunk;");
    EXPECT_EQ(loaded, "t");
    EXPECT_TRUE(exited(run(pair, {in_chunks(), "--source-is-quiet"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Control, JsonProgressAndResultsCanBeParsed) {
    const auto pair = gated_pair();
    Gate gate(pair);
    const io::TempDir files;
    const auto metrics = files.path("pghaul.prom");
    ChildProcess child(
        run_argv(pair, {in_chunks(), "--progress", "json", "--json", "--metrics-file", metrics}));
    // Its lines come every ten seconds; the gate holds the run until the first one is there.
    ASSERT_TRUE(child.wait_for_output("\"fraction\"", 30s));
    EXPECT_TRUE(eventually([&] {
        std::ifstream file(metrics);
        const std::string text(std::istreambuf_iterator<char>(file), {});
        return text.find("\",what=\"target waits for Lock:advisory\"} ") != text.npos;
    }));
    gate.open();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    ASSERT_TRUE(exited(*result, 0));
    std::istringstream lines(result->err);
    int parsed = 0;
    std::set<std::string> limits;
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with('{')) continue;
        const auto said = json::parse(line);
        EXPECT_LE(said.at("fraction"), 1.0);
        EXPECT_EQ(said.at("tables"), 1);
        if (said.at("step") == "copy") {
            EXPECT_FALSE(said.at("streams").empty());
            for (const auto& limit : said.at("limits")) limits.insert(limit.at("what"));
        }
        ++parsed;
    }
    EXPECT_GT(parsed, 0);
    EXPECT_TRUE(limits.contains("target waits for Lock:advisory")) << "the gate";
    const auto said = json::parse(result->out);
    EXPECT_EQ(said.at("rows"), 20000);
    std::ifstream file(metrics);
    const std::regex form(
        R"((# TYPE pghaul_[a-z_]+ (counter|gauge))|(pghaul_[a-z_]+\{job="\w+"(,what="[^"]+")?\} [0-9.e+-]+))");
    bool all_rows = false;
    for (std::string line; std::getline(file, line);) {
        EXPECT_TRUE(std::regex_match(line, form)) << line;
        all_rows =
            all_rows || (line.starts_with("pghaul_copied_rows_total{") && line.ends_with(" 20000"));
    }
    EXPECT_TRUE(all_rows);
    EXPECT_EQ(said.at("was_done_already"), false);
    EXPECT_TRUE(said.at("problems").empty());
    const auto plan = pghaul({"plan", "--json", "--source", pair.source, "--target", pair.target});
    EXPECT_EQ(json::parse(plan.out).at("tables").at(0).at("table"), "gated");
    const auto dropped = pghaul({"drop", "--json", "--target", pair.target});
    EXPECT_EQ(json::parse(dropped.out).at("job"), pair.name);
    EXPECT_TRUE(holds(json::parse(dropped.out).at("done").dump(), "removed the journal"));
}

TEST_F(Control, TheConfigurationFileGivesWhatTheCommandLineLeavesOut) {
    const auto pair = fresh_pair("create table kept as select 1 as a; create table left_out ();");
    const MemoryFile config("source = \"" + pair.source + "\"\ntarget = \"" + pair.target +
                            "\"\nno-capture = true\njobs = 2\nexclude-table = [\"left_out\"]\n"
                            "job = \"from.file\"\nprogress = \"none\"\n");
    EXPECT_TRUE(exited(pghaul({"run", "--config", config.path()}), 0));
    EXPECT_EQ(pair.target_sql("select to_regclass('kept') is not null, to_regclass('left_out') is "
                              "null;"),
              "t|t");
    EXPECT_TRUE(exited(pghaul({"status", "--config", config.path()}), 0));
    EXPECT_TRUE(holds(pghaul({"status", "--config", config.path()}).out, "job from.file"));
    EXPECT_TRUE(exited(pghaul({"drop", "--config", config.path()}), 0));

    const MemoryFile wrong("jops = 2\n");
    EXPECT_TRUE(refused(pghaul({"run", "--config", wrong.path()}), 2, {"jops"}));
    const MemoryFile broken("jobs = [\n");
    EXPECT_TRUE(refused(pghaul({"run", "--config", broken.path()}), 2, {}));
    EXPECT_TRUE(refused(pghaul({"run", "--config", "/no/such/file"}), 2, {"/no/such/file"}));
}

TEST_F(Control, StatusTellsAStoppedJobFromARunningOne) {
    const auto pair = gated_pair();
    Gate gate(pair);
    ChildProcess child(run_argv(pair, {in_chunks(), "-j", "1"}));
    ASSERT_TRUE(gate.reached());
    child.kill(SIGKILL);
    ASSERT_TRUE(child.wait(5s).has_value());
    gate.open();
    ASSERT_TRUE(no_sessions_left());
    const auto status = pghaul({"status", "--target", pair.target});
    EXPECT_TRUE(exited(status, 0));
    EXPECT_TRUE(holds(status.out, "not running"));
    EXPECT_TRUE(holds(status.out, "in part   public.gated"));
}

}  // namespace
}  // namespace pghaul::test
