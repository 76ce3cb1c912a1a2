// A run through files that is killed at each of their named places, with and without an application
// that writes, and the rerun that must finish the job from what stands in the files and the source.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>

#include "io/temp_dir.hpp"
#include "tests/cmd/live_steps.hpp"
#include "tests/crash/crash_steps.hpp"

namespace pghaul::test {
namespace {

class SpoolKilledAt : public HaulTest, public testing::WithParamInterface<std::string> {
  protected:
    Arguments through_files() const {
        return {"--spool=always", "--spool-dir", folder_.path(""), "--chunk-size=1MB"};
    }
    io::TempDir folder_;
};

TEST_P(SpoolKilledAt, FinishesWithTheRerunFromTheFiles) {
    const auto pair = crash_pair();
    const auto killed = run(pair, through_files(), {{"PGHAUL_FAILPOINTS", GetParam()}});
    ASSERT_EQ(killed.signal, SIGKILL) << "the run did not pass there:\n" << killed.err;
    const auto before = loaded_chunks(pair);
    auto arguments = through_files();
    arguments.emplace_back("--source-is-quiet");
    ASSERT_TRUE(exited(run(pair, arguments), 0));
    const auto after = loaded_chunks(pair);
    for (const auto& [chunk, when] : before) EXPECT_EQ(after.at(chunk), when) << "copied again";
    EXPECT_TRUE(equal(pair, true));
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path("")));
}

TEST_P(SpoolKilledAt, FinishesWithTheRerunWhileTheApplicationWrites) {
    const auto pair = live_pair(As::owner, busy_tables());
    Writers writers(pair.source, busy_writers());
    writers.await(1);
    const auto killed = run_live(pair, through_files(), {{"PGHAUL_FAILPOINTS", GetParam()}});
    ASSERT_EQ(killed.signal, SIGKILL) << "the run did not pass there:\n" << killed.err;
    writers.await(1);
    const auto rerun = run_live(pair, through_files());
    ASSERT_TRUE(exited(rerun, 0));
    // A row of an earlier moment: the changes since then are still to come.
    if (GetParam().starts_with("spool_sealed") || GetParam().starts_with("spool_before_load")) {
        EXPECT_TRUE(holds(rerun.err, "chunks were read already"));
    }
    writers.stop();
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path("")));
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    for (auto& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(EveryPlaceOfFiles, SpoolKilledAt,
                         testing::Values("spool_sealed=kill", "spool_sealed=kill@3",
                                         "spool_before_load=kill", "spool_before_load=kill@3",
                                         "copy_before_commit=kill@3", "copy_after_commit=kill@3",
                                         "spool_before_removal=kill",
                                         "spool_before_removal=kill@3"),
                         test_name);

using SpoolFailpoints = HaulTest;

TEST_F(SpoolFailpoints, ARetryableErrorAtAnyPlaceOfFilesIsRedoneByTheSameRun) {
    for (const std::string name : {"spool_sealed", "spool_before_load", "copy_after_read",
                                   "copy_before_commit", "copy_after_commit"}) {
        SCOPED_TRACE(name);
        const io::TempDir folder;
        const auto pair = crash_pair();
        const auto result =
            run(pair, {"--spool=always", "--spool-dir", folder.path(""), "--chunk-size=1MB"},
                {{"PGHAUL_FAILPOINTS", name + "=error@3"}});
        EXPECT_TRUE(exited(result, 0));
        EXPECT_TRUE(holds(result.err, "trying again"));
        EXPECT_TRUE(equal(pair));
        EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot;"), "1");
        EXPECT_TRUE(std::filesystem::is_empty(folder.path("")));
    }
}

TEST_F(SpoolFailpoints, AReaderThatKeepsFailingLeavesTheReadingToTheStreams) {
    const io::TempDir folder;
    const auto pair = crash_pair();
    const auto result =
        run(pair, {"--spool=always", "--spool-dir", folder.path(""), "--chunk-size=1MB"},
            {{"PGHAUL_FAILPOINTS", "spool_sealed=fail"}});
    EXPECT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "no more chunks are read ahead"));
    EXPECT_TRUE(equal(pair));
}

}  // namespace
}  // namespace pghaul::test
