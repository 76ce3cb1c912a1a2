// Runs that bring their rows through agents (--source-via): the same database comes out, and
// whatever an agent does wrong is told or made good.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "io/temp_dir.hpp"
#include "tests/cmd/live_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;

/// The program under a path of this process alone, so that agents of other tests that run at the
/// same time are not taken for its own.
const std::string& program_of_agents() {
    static const io::TempDir folder;
    static const std::string path = [] {
        const auto link = folder.path("pghaul");
        std::filesystem::create_symlink(PGHAUL_PROGRAM, link);
        return link;
    }();
    return path;
}

std::string agent_command() { return "'" + program_of_agents() + "' agent"; }

Arguments via(const std::string& command, const Arguments& more = {}) {
    Arguments arguments = {"--source-via", command};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

/// A filter that passes so many bytes as they come, and then does `more`.
std::string pass_bytes(int count, const std::string& more) {
    return "perl -e '$n = " + std::to_string(count) +
           "; while ($n > 0 && ($r = sysread(STDIN, $b, $n))) { syswrite(STDOUT, $b); $n -= $r } " +
           more + "'";
}

/// Processes that are agents of these tests.
std::vector<pid_t> agents() {
    std::vector<pid_t> found;
    const auto wanted = program_of_agents() + std::string("\0agent\0", 7);
    for (const pid_t pid : all_processes()) {
        if (proc_file(pid, "cmdline") == wanted) found.push_back(pid);
    }
    return found;
}

bool no_agents_left() {
    return eventually([] { return agents().empty(); });
}

class SourceVia : public HaulTest {
  protected:
    static std::string in_chunks() { return "--chunk-size=1MB"; }
    /// Rows of every length, one of them larger than many blocks.
    static Pair pair_with_rows() {
        return fresh_pair(R"sql(
            create table numbered (id int primary key, pad text);
            insert into numbered select i, repeat(md5(i::text), 6) from generate_series(1, 20000) i;
            create table keyless as select i % 7 as a, repeat('k', 200) as pad
              from generate_series(1, 10000) i;
            create table giant as select 1 as id, repeat('g', 5000000) as doc,
              (select string_agg(md5(i::text), '') from generate_series(1, 60000) i) as noise;
            create table empty_one (id int);
            select lo_from_bytea(77, '\x00ff');
            analyze;)sql");
    }
    /// A script that does `first` when it is run for the nth time, and is an agent otherwise.
    std::string only_at(int nth, const std::string& first) {
        return "sh " + folder_.write("agent" + std::to_string(nth) + ".sh",
                                     "n=0; until mkdir " + folder_.path("run$n") +
                                         " 2>/dev/null; do n=$((n + 1)); done\nif [ $n = " +
                                         std::to_string(nth) + " ]; then\n" + first +
                                         "\nelse exec " + agent_command() + "\nfi\n");
    }
    /// A service file that says where "shop" is.
    std::string service(const std::string& name, const Cluster& server, const std::string& user,
                        const std::string& database) {
        return folder_.write(name, "[shop]\nhost=127.0.0.1\nport=" + std::to_string(server.port()) +
                                       "\nuser=" + user + "\ndbname=" + database + "\n");
    }

    io::TempDir folder_;
};

TEST_F(SourceVia, BringsTheSameDatabaseThroughFiles) {
    const auto pair = pair_with_rows();
    const auto result =
        run(pair, via(agent_command(),
                      {in_chunks(), "--spool=always", "--spool-dir", folder_.path(""), "--json"}));
    ASSERT_TRUE(exited(result, 0));
    EXPECT_EQ(result.out.find("\"spooled_bytes\": 0,"), std::string::npos) << result.out;
    EXPECT_TRUE(equal(pair, true));
    EXPECT_TRUE(no_agents_left());
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path("")));
}

TEST_F(SourceVia, BringsTheSameDatabase) {
    for (const std::string format : {"binary", "text"}) {
        const auto pair = pair_with_rows();
        const auto result = run(pair, via(agent_command(), {in_chunks(), "--format", format}));
        EXPECT_TRUE(exited(result, 0));
        EXPECT_EQ(result.err.find("trying again"), std::string::npos) << result.err;
        EXPECT_TRUE(equal(pair, true));
        EXPECT_GE(fewest_chunks(pair), 1);
        EXPECT_EQ(pair.target_sql("select lo_get(77);"), "\\x00ff");
        EXPECT_TRUE(no_sessions_left() && no_agents_left());
    }
}

TEST_F(SourceVia, BringsRowsInTheSourcesEncoding) {
    const auto pair =
        fresh_pair("create table t as select 'größe ñ' || i as a from generate_series(1, 1000) i;",
                   "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0");
    EXPECT_TRUE(exited(run(pair, via(agent_command(), {"--format", "text"})), 0));
    EXPECT_TRUE(equal(pair));
}

TEST_F(SourceVia, BringsTheCopyOfALiveMove) {
    const auto pair = pair_with_rows();
    Writers writers(pair.source, {"update numbered set pad = 'w#' where id = 1 + # % 20000;"
                                  "insert into keyless values (#, 'w');"});
    writers.await(5);
    const auto result = run_live(pair, via(agent_command(), {in_chunks()}));
    writers.await(5);
    writers.stop();
    EXPECT_TRUE(exited(result, 0));
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
    EXPECT_TRUE(no_agents_left());
}

TEST_F(SourceVia, SaysHowLittleWentOverTheLink) {
    const auto pair = pair_with_rows();
    const auto result = run(pair, via(agent_command()));
    EXPECT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "over the link"));
}

TEST_F(SourceVia, StartsAnotherAgentForOneThatDies) {
    const auto pair = fresh_pair(gated_table());
    Gate gate(pair);
    ChildProcess child(run_argv(pair, via(agent_command(), {in_chunks(), "-j", "1"})));
    ASSERT_TRUE(gate.reached());
    const auto before = agents();
    ASSERT_EQ(before.size(), 1U);
    ::kill(before.front(), SIGKILL);
    gate.open();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_TRUE(holds(result->err, "the agent was ended by signal 9"));
    EXPECT_TRUE(holds(result->err, "trying again"));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot;"), "1");
}

TEST_F(SourceVia, GoesOnAfterALinkThatBreaksInTheMiddleOfABlock) {
    const auto pair = pair_with_rows();
    const auto command = only_at(1, agent_command() + " | " + pass_bytes(100000, ""));
    const auto result = run(pair, via(command, {in_chunks(), "-j", "1"}));
    EXPECT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "trying again"));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(SourceVia, NoticesBytesThatChangedOnTheWay) {
    const auto pair = pair_with_rows();
    const auto command =
        only_at(1, agent_command() + " | " +
                       pass_bytes(60000,
                                  "sysread(STDIN, $b, 8); syswrite(STDOUT, $b ^ (\"\\xff\" x 8)); "
                                  "while (sysread(STDIN, $b, 65536)) { syswrite(STDOUT, $b) }"));
    const auto result = run(pair, via(command, {in_chunks(), "-j", "1"}));
    EXPECT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "packed block is damaged"));
    EXPECT_TRUE(holds(result.err, "trying again"));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(SourceVia, NoticesAnAgentThatFallsSilent) {
    const auto pair = fresh_pair(gated_table());
    Gate gate(pair);
    ChildProcess child(run_argv(pair, via(agent_command(), {in_chunks(), "-j", "1"})));
    ASSERT_TRUE(gate.reached());
    const auto before = agents();
    ASSERT_EQ(before.size(), 1U);
    ::kill(before.front(), SIGSTOP);
    gate.open();
    const auto result = child.wait(90s);
    ::kill(before.front(), SIGCONT);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_TRUE(holds(result->err, "the agent has been silent for 25 s"));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_TRUE(no_agents_left());
}

TEST_F(SourceVia, TakesANewSnapshotWhenTheSourceHasLostTheFirst) {
    const auto pair = fresh_pair(gated_table());
    Gate gate(pair);
    ChildProcess child(
        run_argv(pair, via(agent_command(), {in_chunks(), "--source-is-quiet", "-j", "1"})));
    ASSERT_TRUE(gate.reached());
    source_server().restart_immediate();
    gate.open();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot;"), "2");
}

TEST_F(SourceVia, ASignalStopsTheRunAndItsAgents) {
    const auto pair = fresh_pair(gated_table());
    Gate gate(pair);
    ChildProcess child(run_argv(pair, via(agent_command(), {in_chunks(), "-j", "1"})));
    ASSERT_TRUE(gate.reached());
    child.kill(SIGINT);
    const auto result = child.wait(5s);
    ASSERT_TRUE(result.has_value()) << "still running after 5 s";
    EXPECT_TRUE(refused(*result, 75, {"signal"}));
    EXPECT_TRUE(no_agents_left());
    EXPECT_TRUE(no_sessions_left()) << pghaul_sessions(source_server());
    gate.open();
    EXPECT_TRUE(exited(run(pair, via(agent_command(), {in_chunks(), "--source-is-quiet"})), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(SourceVia, AgentsAndTheirSessionsEndWithARunThatIsKilled) {
    const auto pair = fresh_pair(gated_table());
    Gate gate(pair);
    ChildProcess child(run_argv(pair, via(agent_command(), {in_chunks()})));
    ASSERT_TRUE(gate.reached());
    EXPECT_FALSE(agents().empty());
    child.kill(SIGKILL);
    ASSERT_TRUE(child.wait(5s).has_value());
    EXPECT_TRUE(no_agents_left());
    gate.open();
    EXPECT_TRUE(no_sessions_left()) << pghaul_sessions(source_server());
}

TEST_F(SourceVia, RetriesWhatFailsInTheMiddleOfAChunk) {
    for (const std::string setting : {"copy_after_read=error@3", "copy_before_commit=error@2"}) {
        const auto pair = pair_with_rows();
        const auto result =
            run(pair, via(agent_command(), {in_chunks()}), {{"PGHAUL_FAILPOINTS", setting}});
        EXPECT_TRUE(exited(result, 0));
        EXPECT_TRUE(holds(result.err, "trying again"));
        EXPECT_TRUE(equal(pair, true));
    }
}

TEST_F(SourceVia, RefusesACommandThatIsNotThere) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const auto result = run(pair, via("/no/such/pghaul agent"));
    EXPECT_TRUE(refused(result, 1, {"exit code 127", "not found", "</dev/null"}));
    EXPECT_EQ(pair.target_sql("select to_regclass('public.t') is null;"), "t");
    EXPECT_TRUE(refused(run(pair, via("exit 3")), 1, {"exit code 3"}));
    EXPECT_TRUE(refused(run(pair, via("echo 'host key is wrong' >&2; exit 1")), 1,
                        {"exit code 1", "host key is wrong"}));
    EXPECT_TRUE(
        refused(run(pair, via("echo 'me@db: Permission denied (publickey).' >&2; exit 255")), 1,
                {"Permission denied"}));
}

TEST_F(SourceVia, TriesAgainAndThenGivesUpWhereTheHostCannotBeReached) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const auto result =
        run(pair, via("echo 'ssh: connect to host db port 22: No route to host' >&2; exit 255"));
    EXPECT_TRUE(refused(result, 75, {"exit code 255", "No route to host"}));
    EXPECT_TRUE(holds(result.err, "trying again"));
    EXPECT_TRUE(exited(run(pair, via(agent_command())), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(SourceVia, NamesWhatALoginScriptPrints) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const auto result = run(pair, via("echo 'Welcome to dbhost!'; exec " + agent_command()));
    EXPECT_TRUE(refused(result, 1, {"'Welcome to dbhost!'", ".bashrc"}));
    EXPECT_TRUE(refused(run(pair, via("head -c 5000 /dev/zero; sleep 5")), 1, {"printed"}));
    EXPECT_TRUE(refused(run(pair, via("exec cat")), 1, {"'pghaul 1 "}));
    const auto noisy =
        run(pair, via("echo 'Welcome to dbhost!' >&2; exec " + agent_command(), {"-j", "1"}));
    EXPECT_TRUE(exited(noisy, 0));
    EXPECT_TRUE(holds(noisy.err, "agent (read 1): Welcome to dbhost!"));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(SourceVia, RefusesAnAgentOfAnotherProtocol) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const auto result = run(pair, via("echo 'pghaul-agent 99 9.8.7'; exec cat >/dev/null"));
    EXPECT_TRUE(refused(result, 1, {"protocol 99", "9.8.7", "same version"}));
}

TEST_F(SourceVia, RefusesAnAgentThatReachesAnotherServer) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    create_database(target_server(), "elsewhere_" + pair.name);
    const auto here = service("here", source_server(), "postgres", pair.name);
    const auto there = service("there", target_server(), "postgres", "elsewhere_" + pair.name);
    auto services = pair;
    services.source = "service=shop";
    const auto result = run(services, via("PGSERVICEFILE=" + there + " " + agent_command()),
                            {{"PGSERVICEFILE", here}});
    EXPECT_TRUE(refused(result, 2, {"another database", "localhost"}));
}

TEST_F(SourceVia, SaysThatTheAgentCouldNotConnect) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    auto services = pair;
    services.source = "service=shop";
    const auto here = service("here", source_server(), "postgres", pair.name);
    const auto there = service("there", source_server(), "nobody_known", pair.name);
    const auto result = run(services, via("PGSERVICEFILE=" + there + " " + agent_command()),
                            {{"PGSERVICEFILE", here}});
    EXPECT_TRUE(refused(result, 1, {"on the agent's host", "nobody_known"}));
}

TEST_F(SourceVia, ShowsAPasswordNowhere) {
    // Those of a test before this one may still be on their way out.
    ASSERT_TRUE(no_agents_left());
    const auto pair = fresh_pair(gated_table());
    Gate gate(pair);
    const auto config =
        folder_.write("config", "source = \"" + pair.source + " password=s3cret\"\ntarget = \"" +
                                    pair.target + "\"\n");
    ChildProcess child(
        {PGHAUL_PROGRAM, "run", "--config", config, "--no-capture", "-j", "1", "--progress", "none",
         "--log-level", "debug", "--source-via", agent_command(), in_chunks()},
        {{"PGPASSWORD", "0ther-s3cret"}});
    ASSERT_TRUE(gate.reached());
    const auto found = agents();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(proc_file(found.front(), "environ").empty());
    for (const auto* file : {"cmdline", "environ"}) {
        EXPECT_EQ(proc_file(found.front(), file).find("s3cret"), std::string::npos) << file;
    }
    gate.open();
    const auto result = child.wait(60s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(exited(*result, 0));
    EXPECT_EQ((result->out + result->err).find("s3cret"), std::string::npos);
}

TEST_F(SourceVia, AnAgentStartedByHandSaysWhatItIsFor) {
    const auto result = run_process({PGHAUL_PROGRAM, "agent"}, {}, "select 1;\n");
    EXPECT_TRUE(refused(result, 2, {"--source-via"}));
    const auto newer = run_process({PGHAUL_PROGRAM, "agent"}, {}, "pghaul 99 9.8.7\n");
    EXPECT_TRUE(refused(newer, 1, {"protocol 99", "9.8.7"}));
    EXPECT_TRUE(exited(run_process({PGHAUL_PROGRAM, "agent"}), 0)) << "nobody is there";
}

}  // namespace
}  // namespace pghaul::test
