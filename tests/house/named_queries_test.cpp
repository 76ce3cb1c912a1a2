// Every statement of a *_sql.hpp file stands in that file's array, so that the test which prepares
// the array on real servers (tests/snapshot/prepared_test.cpp) cannot miss one.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "tests/house/sources.hpp"

namespace pghaul {
namespace {

const std::map<std::string, std::string> kExempt = {
    {"kCreateJournal", "several utility statements"},
    {"kDropJournalIfEmpty", "a utility statement"},
    {"kUpgradeJournal", "a utility statement"},
    {"kFlush", "several statements"},
    {"kExportBefore13", "prepared on old servers by name"},
    {"kListRelations", "prepared by name"},
    {"kMatchTables", "prepared by name"},
    {"kMatchSchemas", "prepared by name"},
};

std::vector<std::smatch> all_matches(const std::string& text, const std::regex& pattern) {
    return {std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator()};
}

TEST(NamedQueries, StandInTheirFilesArray) {
    const std::regex definition("io::Query\\s+(k\\w+)\\s*\\{\\s*\"(\\w+)\"");
    const std::regex array("std::array\\s+k\\w+Queries\\s*=\\s*\\{([^}]*)\\}");
    const std::regex name("k\\w+");
    const auto preparing = test::read_source("tests/snapshot/prepared_test.cpp");
    std::size_t seen = 0;
    for (const auto& file : test::program_sources()) {
        if (!file.path.ends_with("_sql.hpp")) continue;
        std::set<std::string> listed;
        for (const auto& list : all_matches(file.text, array)) {
            const std::string names = list[1];
            for (const auto& one : all_matches(names, name)) listed.insert(one.str());
        }
        for (const auto& query : all_matches(file.text, definition)) {
            ++seen;
            if (kExempt.contains(query[1])) {
                EXPECT_FALSE(listed.contains(query[1])) << query[1] << " needs no exemption";
                continue;
            }
            EXPECT_TRUE(listed.contains(query[1])) << file.path << ": " << query[1];
        }
        EXPECT_NE(preparing.find("#include \"" + file.path + "\""), std::string::npos)
            << file.path << " is not prepared by tests/snapshot/prepared_test.cpp";
    }
    EXPECT_GT(seen, 50U) << "the statements were not found";
}

TEST(NamedQueries, NameEachStatementOnceInItsFile) {
    const std::regex definition("io::Query\\s+k\\w+\\s*\\{\\s*\"(\\w+)\"");
    for (const auto& file : test::program_sources()) {
        if (!file.path.ends_with("_sql.hpp")) continue;
        std::map<std::string, int> times;
        for (const auto& query : all_matches(file.text, definition)) ++times[query[1]];
        for (const auto& [name, count] : times) {
            // Two texts for two versions of servers, of which a run sees one.
            if (name == "export_snapshot") continue;
            EXPECT_EQ(count, 1) << file.path << ": " << name;
        }
    }
}

}  // namespace
}  // namespace pghaul
