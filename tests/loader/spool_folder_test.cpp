#include "loader/spool_folder.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "io/error.hpp"
#include "io/spool_writer.hpp"
#include "io/temp_dir.hpp"
#include "tests/loader/queue_plans.hpp"

namespace pghaul::loader {
namespace {

namespace fs = std::filesystem;

class SpoolFolderTest : public testing::Test {
  protected:
    SpoolFolderTest() {
        plan_.encoding = "UTF8";
        plan_.tables = {test::queue_table(0, 4, 40 * test::kMegabyte)};
        for (auto& chunk : plan_.tables[0].chunks) {
            // Ranges that differ, as COPY statements do.
            chunk.range.lo = snapshot::Key{std::to_string(chunk.number)};
        }
        plan_.tables[0].method = snapshot::Method::ctid_ranges;
    }
    TableChunk chunk(int number) const {
        return {&plan_.tables[0], &plan_.tables[0].chunks[static_cast<std::size_t>(number)]};
    }
    /// A sealed file of a chunk in a snapshot.
    void seal(const SpoolFolder& folder, int number, int snapshot,
              const std::string& visible) const {
        folder.make();
        io::SpoolWriter file(folder.file_of(chunk(number)),
                             folder.id_of(chunk(number), plan_.encoding, snapshot, visible));
        file.seal(0);
    }
    std::size_t files_in(const SpoolFolder& folder) const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
    }

    io::TempDir base_;
    snapshot::Plan plan_;
    SpoolFolder folder_{base_.path(""), "0123456789abcdef0123456789abcdef"};
    const std::map<int, std::string> snapshots_ = {{1, "10:20:"}, {2, "15:30:"}};
};

TEST_F(SpoolFolderTest, IsPrivate) {
    folder_.make();
    folder_.make();
    struct stat about {};
    ASSERT_EQ(::stat(folder_.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0700U);
    fs::permissions(folder_.path(), fs::perms::all);
    EXPECT_THROW(folder_.make(), io::SpoolUnwritable) << "others could change the rows";
    EXPECT_THROW(folder_.remove(), io::SpoolUnwritable);
    fs::remove_all(folder_.path());
    fs::create_directory_symlink(base_.path(""), folder_.path());
    EXPECT_THROW(folder_.make(), io::SpoolUnwritable);
}

TEST_F(SpoolFolderTest, SaysWhyItCannotBeMade) {
    const SpoolFolder nowhere(base_.path("no/such"), "id");
    try {
        nowhere.make();
        FAIL();
    } catch (const io::SpoolUnwritable& error) {
        EXPECT_NE(std::string(error.what()).find("No such file"), std::string::npos);
        EXPECT_NE(error.hint().find("--spool-dir"), std::string::npos);
    }
}

TEST_F(SpoolFolderTest, TellsWhatItHolds) {
    ASSERT_TRUE(folder_.held());
    EXPECT_EQ(folder_.held()->files, 0) << "it is not there yet";
    seal(folder_, 0, 1, "10:20:");
    seal(folder_, 1, 1, "10:20:");
    EXPECT_EQ(folder_.held()->files, 2);
    EXPECT_EQ(folder_.held()->bytes, 2 * 192);
    folder_.remove();
    EXPECT_EQ(folder_.held()->files, 0);
}

TEST_F(SpoolFolderTest, GivesBackTheFilesWhoseRowsAreStillToBeLoaded) {
    for (int number = 0; number < 3; ++number) seal(folder_, number, 1, "10:20:");
    seal(folder_, 3, 2, "15:30:");
    snapshot::LoadedChunks loaded;
    loaded.tables.insert({0, 1});
    const auto files = folder_.adopt(plan_, loaded, snapshots_);
    ASSERT_EQ(files.size(), 3U);
    EXPECT_EQ(files.at({0, 0}).snapshot, 1);
    EXPECT_EQ(files.at({0, 3}).snapshot, 2);
    EXPECT_EQ(files.at({0, 3}).bytes, 192);
    EXPECT_EQ(files.at({0, 3}).path, folder_.file_of(chunk(3)));
    EXPECT_EQ(files_in(folder_), 3U) << "the loaded chunk's is of no use";
    EXPECT_EQ(folder_.adopt(plan_, loaded, snapshots_).size(), 3U);
}

TEST_F(SpoolFolderTest, RemovesWhatHoldsOtherRowsThanAreWanted) {
    const auto expect_none = [&](const std::string& why) {
        EXPECT_EQ(folder_.adopt(plan_, {}, snapshots_).size(), 0U) << why;
        EXPECT_EQ(files_in(folder_), 0U) << why;
    };
    seal(folder_, 0, 3, "10:20:");
    expect_none("the journal has no such snapshot");
    seal(folder_, 0, 1, "10:21:");
    expect_none("a snapshot of the same number that shows something else");
    seal(folder_, 0, 1, "10:20:");
    plan_.tables[0].chunks[0].range.lo = snapshot::Key{"77"};
    expect_none("the chunk was cut elsewhere");
    seal(folder_, 0, 1, "10:20:");
    plan_.encoding = "LATIN1";
    expect_none("rows in another encoding");
    seal(folder_, 3, 1, "10:20:");
    plan_.tables[0].chunks.pop_back();
    expect_none("there is no such chunk");
    seal(folder_, 0, 1, "10:20:");
    fs::rename(folder_.file_of(chunk(0)), folder_.file_of(chunk(1)));
    expect_none("a file under another's name");
    io::SpoolWriter(folder_.file_of(chunk(0)), {"another job", 0, 0, 1}).seal(0);
    expect_none("another job's");
}

TEST_F(SpoolFolderTest, RemovesWhatIsNotWhole) {
    folder_.make();
    std::ofstream(folder_.file_of(chunk(0)) + ".part") << "half";
    std::ofstream(folder_.file_of(chunk(1))) << "garbage";
    EXPECT_EQ(folder_.adopt(plan_, {}, snapshots_).size(), 0U);
    EXPECT_EQ(files_in(folder_), 0U);
}

TEST_F(SpoolFolderTest, TouchesNoOtherJobsFolder) {
    const SpoolFolder other(base_.path(""), "another");
    seal(other, 0, 1, "10:20:");
    seal(folder_, 0, 1, "10:20:");
    EXPECT_EQ(folder_.adopt(plan_, {}, snapshots_).size(), 1U);
    EXPECT_TRUE(folder_.remove());
    EXPECT_FALSE(folder_.remove());
    EXPECT_EQ(files_in(other), 1U);
}

}  // namespace
}  // namespace pghaul::loader
