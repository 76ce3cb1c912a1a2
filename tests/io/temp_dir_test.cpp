#include "io/temp_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "io/error.hpp"
#include "tests/support/process.hpp"

namespace pghaul::io {
namespace {

unsigned mode_of(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777U;
}

TEST(TempDir, KeepsItsFilesFromOthersAndRemovesThem) {
    std::string file;
    std::string folder;
    {
        const TempDir dir;
        file = dir.write("secret", std::string("a\0b\n", 4));
        folder = std::filesystem::path(file).parent_path().string();
        EXPECT_EQ(mode_of(file), 0600U);
        EXPECT_EQ(mode_of(folder), 0700U);
        EXPECT_EQ(read_file(file), std::string("a\0b\n", 4));
    }
    EXPECT_FALSE(std::filesystem::exists(folder));
}

/// Found by a round of faults: a run that is killed while pg_dump writes leaves its folder.
TEST(TempDir, RemovesWhatAProcessThatWasKilledHasLeft) {
    const TempDir base;
    ASSERT_EQ(::setenv("TMPDIR", base.path("").c_str(), 1), 0);
    const TempDir living;
    const auto kept = living.write("file", "");
    const pid_t child = ::fork();
    if (child == 0) {
        const TempDir mine;
        mine.write("secret", "");
        ::raise(SIGKILL);
    }
    ASSERT_EQ(test::wait_for_exit(child, std::chrono::seconds(10)), SIGKILL);
    const auto folders = [&] {
        return std::distance(std::filesystem::directory_iterator(base.path("")), {});
    };
    EXPECT_EQ(folders(), 2);
    std::filesystem::create_directory(base.path("pghaul-of-another-kind"));
    {
        const TempDir next;
        EXPECT_EQ(folders(), 3) << "the living one, the next one, the stranger";
    }
    EXPECT_EQ(folders(), 2);
    EXPECT_TRUE(std::filesystem::exists(kept));
    ::unsetenv("TMPDIR");
}

TEST(TempDir, SaysWhichFileCannotBeRead) {
    try {
        read_file("/nowhere/file");
        FAIL();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "cannot read /nowhere/file: No such file or directory");
    }
}

}  // namespace
}  // namespace pghaul::io
