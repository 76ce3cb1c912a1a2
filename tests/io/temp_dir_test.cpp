#include "io/temp_dir.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/error.hpp"

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
