// What a run does when its files can't be written or read: it goes on without them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "io/temp_dir.hpp"
#include "tests/cmd/haul_steps.hpp"
#include "tests/support/shared_servers.hpp"
#include "tests/support/small_disk.hpp"

namespace pghaul::test {
namespace {

namespace fs = std::filesystem;

class SpoolTrouble : public HaulTest {
  protected:
    Arguments through_files(const std::string& folder) const {
        return {"--spool=always", "--spool-dir", folder, "--chunk-size=1MB"};
    }
    std::vector<fs::path> files() const {
        std::vector<fs::path> found;
        for (const auto& entry : fs::recursive_directory_iterator(folder_.path(""))) {
            if (entry.is_regular_file()) found.push_back(entry.path());
        }
        return found;
    }
    /// Kills a run when its source is read and its target stands at the gate.
    void kill_when_all_is_read(const Pair& pair) const {
        Gate gate(pair);
        auto arguments = through_files(folder_.path(""));
        arguments.insert(arguments.end(), {"-j", "1"});
        ChildProcess child(run_argv(pair, arguments));
        ASSERT_TRUE(gate.reached());
        ASSERT_TRUE(eventually([] { return pghaul_sessions(source_server()).empty(); }));
        child.kill(SIGKILL);
        ASSERT_TRUE(child.wait(std::chrono::seconds(10)));
    }

    io::TempDir folder_;
};

TEST_F(SpoolTrouble, AFullDiskIsNamedAndNothingIsLost) {
    SmallDisk disk("1300k");
    if (!disk.mounted()) GTEST_SKIP() << "cannot mount a tmpfs: " << disk.why_not();
    const auto pair = fresh_pair(
        "create table t (id int primary key, pad text);"
        "insert into t select i, (select string_agg(md5((i * j)::text), '') "
        "from generate_series(1, 10) j) from generate_series(1, 20000) i; analyze;");
    auto arguments = through_files(disk.folder());
    arguments.emplace_back("--spool-size=1GB");
    const auto result = run(pair, arguments);
    ASSERT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "No space left on device"));
    EXPECT_TRUE(holds(result.err, disk.folder()));
    EXPECT_TRUE(holds(result.err, "read no faster than the target takes it"));
    EXPECT_TRUE(equal(pair));
    EXPECT_TRUE(fs::is_empty(disk.folder()));
}

TEST_F(SpoolTrouble, AFolderThatCannotBeUsedIsRefusedWhereFilesAreWanted) {
    const auto pair = fresh_pair(gated_table(20000));
    EXPECT_TRUE(refused(run(pair, through_files("/proc/no-folder")), 1,
                        {"/proc/no-folder", "--spool-dir"}));
    EXPECT_TRUE(exited(run(pair, {"--spool-dir", "/proc/no-folder"}), 0));
    EXPECT_TRUE(equal(pair));
}

TEST_F(SpoolTrouble, ADamagedFilesRowsAreReadFromTheSourceAgain) {
    const auto pair = fresh_pair(gated_table(40000));
    kill_when_all_is_read(pair);
    const auto left = files();
    ASSERT_GE(left.size(), 3U);
    // In the middle of a block, which nobody looks at before it is loaded.
    {
        std::fstream file(left.front(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(fs::file_size(left.front()) / 2));
        file << "damage";
    }
    // The snapshot is gone, so what is left can't come from the same moment.
    const auto refusal = run(pair, through_files(folder_.path("")));
    EXPECT_TRUE(refused(refusal, 3, {"--restart-copy", "--source-is-quiet"}));
    EXPECT_TRUE(holds(refusal.err, "packed block is damaged"));
    auto arguments = through_files(folder_.path(""));
    arguments.emplace_back("--source-is-quiet");
    ASSERT_TRUE(exited(run(pair, arguments), 0));
    EXPECT_TRUE(equal(pair));
    EXPECT_TRUE(files().empty());
}

TEST_F(SpoolTrouble, WhatIsReadIsNotNeededFromTheSourceAgain) {
    const auto pair = fresh_pair(gated_table(40000));
    kill_when_all_is_read(pair);
    ASSERT_GE(files().size(), 3U);
    pair.source_sql("insert into gated values (100001, 'later'); delete from gated where id = 7;");
    // No --source-is-quiet: all rows are of one moment.
    const auto result = run(pair, through_files(folder_.path("")));
    ASSERT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "chunks were read already"));
    EXPECT_EQ(pair.target_sql("select count(*), max(id), count(*) filter (where id = 7) "
                              "from gated;"),
              "40000|40000|1");
    EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot;"), "1");
    EXPECT_TRUE(files().empty());
}

TEST_F(SpoolTrouble, ACopyThatIsRestartedUsesNoEarlierFile) {
    const auto pair = fresh_pair(gated_table(40000));
    kill_when_all_is_read(pair);
    pair.source_sql("delete from gated where id % 2 = 0;");
    auto arguments = through_files(folder_.path(""));
    arguments.emplace_back("--restart-copy");
    ASSERT_TRUE(exited(run(pair, arguments), 0));
    EXPECT_TRUE(equal(pair));
    EXPECT_TRUE(files().empty());
}

TEST_F(SpoolTrouble, DropRemovesTheFilesOfARunThatWasKilled) {
    const auto pair = fresh_pair(gated_table(40000));
    kill_when_all_is_read(pair);
    ASSERT_FALSE(files().empty());
    ASSERT_TRUE(exited(pghaul({"drop", "--source", pair.source, "--target", pair.target,
                               "--spool-dir", folder_.path("")}),
                       0));
    EXPECT_TRUE(fs::is_empty(folder_.path("")));
}

}  // namespace
}  // namespace pghaul::test
