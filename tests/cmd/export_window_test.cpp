// Exports and imports that end with their time window and go on with the next, and exports that
// bring their rows through agents.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/temp_dir.hpp"
#include "tests/cmd/export_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string numbered_rows() {
    return "create table numbered (id int primary key, pad text);"
           "insert into numbered select i, repeat(md5(i::text), 6) from generate_series(1, 20000) "
           "i; create table empty_one (id int); select lo_from_bytea(77, '\\x00ff'); analyze;";
}

std::string agent_command() { return "'" PGHAUL_PROGRAM "' agent"; }

/// Of each file of an export: whose it is, its rows and its bytes before packing.
std::map<std::string, std::string> contents(const ExportDir& dir) {
    std::ifstream in(dir.file("manifest.json"));
    const auto manifest = nlohmann::json::parse(in).at("content");
    std::map<std::string, std::string> files;
    for (const auto& file : manifest.at("chunks")) {
        files[file.at(0).dump() + "-" + file.at(1).dump()] =
            file.at(2).at(1).dump() + " rows, " + file.at(2).at(3).dump() + " bytes";
    }
    return files;
}

using ThroughAgents = HaulTest;

TEST_F(ThroughAgents, AnExportHoldsTheSameAsADirectOne) {
    const auto pair = fresh_pair(numbered_rows());
    const ExportDir direct;
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(direct, pair, {"--no-capture"}), 0));
    const auto result =
        export_to(dir, pair, {"--no-capture", "--source-via", agent_command(), "--json"});
    ASSERT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "over the link"));
    EXPECT_EQ(nlohmann::json::parse(result.out).at("rows"), 20000);
    EXPECT_EQ(dir.files(), direct.files());
    EXPECT_GT(contents(dir).size(), 2U);
    EXPECT_EQ(contents(dir), contents(direct));
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select lo_get(77);"), "\\x00ff");
    EXPECT_TRUE(no_sessions_left());
}

TEST_F(ThroughAgents, AnExportWithCaptureIsFollowedAsAnyOther) {
    const auto pair = fresh_pair(numbered_rows());
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--source-via", agent_command()}), 0));
    pair.source_sql("update numbered set pad = 'changed' where id % 100 = 0;");
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_F(ThroughAgents, AnExportNamesACommandThatIsNotThere) {
    const auto pair = fresh_pair(numbered_rows());
    const ExportDir dir;
    EXPECT_TRUE(
        refused(export_to(dir, pair, {"--source-via", "/no/such/pghaul agent"}), 1, {"127"}));
    EXPECT_EQ(traces(pair.source), "") << "something was made";
}

TEST_F(ThroughAgents, AnExportIsRefusedAnotherServersRows) {
    const auto pair = fresh_pair(numbered_rows());
    create_database(target_server(), "elsewhere_" + pair.name);
    const io::TempDir folder;
    const auto service = [&](const std::string& name, const Cluster& server,
                             const std::string& database) {
        return folder.write(name, "[shop]\nhost=127.0.0.1\nport=" + std::to_string(server.port()) +
                                      "\nuser=postgres\ndbname=" + database + "\n");
    };
    const auto here = service("here", source_server(), pair.name);
    const auto there = service("there", target_server(), "elsewhere_" + pair.name);
    auto services = pair;
    services.source = "service=shop";
    const ExportDir dir;
    EXPECT_TRUE(refused(export_to(dir, services,
                                  {"--no-capture", "--source-via",
                                   "PGSERVICEFILE=" + there + " " + agent_command()},
                                  {{"PGSERVICEFILE", here}}),
                        2, {"another database"}));
}

/// An agent behind a gate: what it sends stops after some of the first chunk until it is opened.
class AgentGate {
  public:
    std::string command() const {
        return agent_command() + " | perl -e '$n = 60000;" +
               " while ($n > 0 && ($r = sysread(STDIN, $b, $n))) { syswrite(STDOUT, $b); $n -= $r "
               "}" +
               " exit if $n > 0; open(F, \">\", \"" + folder_.path("reached") + "\"); close(F);" +
               " until (-e \"" + folder_.path("open") +
               "\") { select(undef, undef, undef, 0.02) }" +
               " while (sysread(STDIN, $b, 65536)) { syswrite(STDOUT, $b) }'";
    }
    bool reached() const {
        return eventually([&] { return fs::exists(folder_.path("reached")); });
    }
    void open() const { folder_.write("open", ""); }

  private:
    io::TempDir folder_;
};

std::size_t sealed(const ExportDir& dir) {
    const auto files = dir.files();
    return static_cast<std::size_t>(std::count_if(files.begin(), files.end(), [](const auto& name) {
        return name.ends_with(".rows") && !name.starts_with("objects");
    }));
}

using TimeWindow = HaulTest;

TEST_F(TimeWindow, EndsAnExportBetweenChunksAndTheNextGoesOn) {
    for (const bool capture : {false, true}) {
        const auto pair = fresh_pair(numbered_rows());
        const ExportDir dir;
        const AgentGate gate;
        const Arguments how = capture ? Arguments{"-j", "1"}
                                      : Arguments{"-j", "1", "--no-capture", "--source-is-quiet"};
        auto window = how;
        window.insert(window.end(), {"--max-runtime", "2s", "--source-via", gate.command()});
        const auto began = Clock::now();
        ChildProcess child(export_argv(pair, dir, window));
        ASSERT_TRUE(gate.reached());
        // The window closes while the gate holds a chunk; that chunk is still finished.
        ASSERT_TRUE(eventually([&] { return Clock::now() > began + 3s; }));
        gate.open();
        const auto result = child.wait(20s);
        ASSERT_TRUE(result.has_value());
        EXPECT_TRUE(refused(*result, 75, {"the time is up", "chunks exported"}));
        const auto so_far = sealed(dir);
        EXPECT_GE(so_far, 1U);
        EXPECT_FALSE(fs::exists(dir.file("manifest.json")));
        EXPECT_TRUE(no_sessions_left());
        ASSERT_TRUE(exited(export_to(dir, pair, how), 0));
        EXPECT_GT(sealed(dir), so_far);
        ASSERT_TRUE(exited(import_from(dir, pair), 0));
        if (capture) {
            EXPECT_TRUE(exited(run_live(pair), 0));
            EXPECT_TRUE(same_rows(pair));
        } else {
            EXPECT_TRUE(equal(pair, true));
        }
    }
}

TEST_F(TimeWindow, EndsAnImportBetweenChunksAndTheNextGoesOn) {
    const auto pair = fresh_pair(gated_table());
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture"}), 0));
    Gate gate(pair);
    const auto began = Clock::now();
    ChildProcess child({PGHAUL_PROGRAM, "import", dir.path(), "--target", pair.target, "--progress",
                        "none", "-j", "1", "--max-runtime", "2s"});
    ASSERT_TRUE(gate.reached());
    ASSERT_TRUE(eventually([&] { return Clock::now() > began + 3s; }));
    gate.open();
    const auto result = child.wait(20s);
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(refused(*result, 75, {"the time is up", "chunks loaded"}));
    EXPECT_EQ(pair.target_sql("select count(*) filter (where loaded_at is not null) between 1 and "
                              "count(*) - 1 from pghaul.chunk;"),
              "t");
    EXPECT_EQ(phase(pair), "copying");
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_TRUE(equal(pair, true));
}

}  // namespace
}  // namespace pghaul::test
