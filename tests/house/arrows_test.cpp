// cmd → {loader, delta} → snapshot → io, no arrow back; loader and delta do not know each other.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "tests/house/sources.hpp"

namespace pghaul {
namespace {

const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"io", {"io"}},
    {"snapshot", {"io", "snapshot"}},
    {"loader", {"io", "snapshot", "loader"}},
    {"delta", {"io", "snapshot", "delta"}},
    {"cmd", {"io", "snapshot", "loader", "delta", "cmd"}},
};

TEST(House, HasArrowsInOneDirectionOnly) {
    const std::regex include("^#include \"([^\"]+)\"", std::regex::multiline);
    int seen = 0;
    for (const auto& file : test::program_sources()) {
        for (std::sregex_iterator at(file.text.begin(), file.text.end(), include), end; at != end;
             ++at) {
            const std::string path = (*at)[1];
            const auto folder = path.substr(0, path.find('/'));
            EXPECT_TRUE(kMayInclude.at(file.folder).contains(folder))
                << file.path << " includes " << path;
            EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(PGHAUL_SOURCE_DIR) / path))
                << file.path << " includes " << path << ", not rooted at the repository";
            ++seen;
        }
    }
    EXPECT_GT(seen, 100) << "the includes were not found";
}

TEST(House, KeepsLibpqInsideIo) {
    // The word after PG or PQ begins small: PGconn, PQexec. Constants of libpq are PGRES_…
    const std::regex naked("libpq-fe\\.h|\\bP[GQ](conn|result|cancel|exec|get|put)\\w*|\\bPGRES_");
    std::size_t in_io = 0;
    for (const auto& file : test::program_sources()) {
        std::smatch match;
        const bool found = std::regex_search(file.text, match, naked);
        if (file.folder == "io") {
            if (found) ++in_io;
        } else {
            EXPECT_FALSE(found) << file.path << ": " << match.str();
        }
    }
    EXPECT_GT(in_io, 2U) << "the pattern finds nothing any more";
}

TEST(House, OpensEveryHeaderWithWhatItIsFor) {
    for (const auto& file : test::program_sources()) {
        if (!file.path.ends_with(".hpp")) continue;
        EXPECT_TRUE(file.text.starts_with("// ")) << file.path;
        EXPECT_NE(file.text.find("\n#pragma once\n"), std::string::npos) << file.path;
    }
}

TEST(House, EndsTheProcessInMainAlone) {
    // A child after fork() has no other way out, and a failpoint is there to kill.
    const std::set<std::string> exempt = {"io/child.cpp", "io/failpoint.cpp"};
    const std::regex ends("\\b(std::|::)(_?exit|quick_exit|abort|terminate)\\s*\\(");
    for (const auto& file : test::program_sources()) {
        if (exempt.contains(file.path)) continue;
        std::smatch match;
        EXPECT_FALSE(std::regex_search(file.text, match, ends)) << file.path << ": " << match.str();
    }
}

}  // namespace
}  // namespace pghaul
