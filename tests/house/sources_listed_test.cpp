// Sources are listed by hand: one that is forgotten is neither compiled nor run, and nobody sees.
#include <gtest/gtest.h>

#include "tests/house/sources.hpp"

namespace pghaul {
namespace {

TEST(SourcesListed, HoldEveryFileOfTheProgram) {
    for (const auto& file : test::program_sources()) {
        if (!file.path.ends_with(".cpp")) continue;
        const auto list = test::read_source(file.folder + "/CMakeLists.txt");
        const auto name = std::filesystem::path(file.path).filename().string();
        EXPECT_NE(list.find(name), std::string::npos) << file.path;
    }
}

TEST(SourcesListed, HoldEveryTest) {
    std::string lists = test::read_source("tests/CMakeLists.txt");
    for (const auto& list : test::sources_below("tests", {"CMakeLists.txt"})) lists += list.text;
    const auto tests = test::sources_below("tests", {"_test.cpp"});
    EXPECT_GT(tests.size(), 20U);
    for (const auto& file : tests) {
        const auto name = std::filesystem::path(file.path).filename().string();
        EXPECT_NE(lists.find(name), std::string::npos) << file.path;
    }
}

}  // namespace
}  // namespace pghaul
