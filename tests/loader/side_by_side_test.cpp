#include "loader/side_by_side.hpp"

#include <gtest/gtest.h>

namespace pghaul::loader {
namespace {

using Parts = std::vector<ScriptPart>;

SchemaScript script_of(const std::vector<std::string>& titles) {
    SchemaScript script;
    for (const auto& title : titles) script.entries.push_back({title, {}, "create " + title});
    return script;
}

TEST(SideBySide, AreTablesWithTheirSequencesAndComments) {
    const auto script = script_of({"SCHEMA - s me", "TABLE s a me", "COMMENT s TABLE a me",
                                   "SEQUENCE s a_id_seq me", "SEQUENCE OWNED BY s a_id_seq me",
                                   "VIEW s v me", "TABLE s b me", "FUNCTION s f() me"});
    EXPECT_EQ(side_by_side_from(script), (std::vector<std::size_t>{0, 4, 3, 2, 1, 0, 1, 0}));
}

TEST(SideBySide, AreNotTablesThatHangOnOthers) {
    auto script = script_of({"TABLE s a me", "TABLE s child me", "TABLE s part me",
                             "TABLE ATTACH s part me", "TABLE s b me"});
    script.entries[1].sql = "CREATE TABLE s.child (\n)\nINHERITS (s.a);";
    script.entries[2].sql = "CREATE TABLE s.part PARTITION OF s.p DEFAULT;";
    EXPECT_EQ(side_by_side_from(script), (std::vector<std::size_t>{1, 0, 0, 0, 1}));
}

TEST(SideBySide, AreCutWhereATableBegins) {
    const auto script = script_of({"TABLE s a me", "TABLE s b me", "SEQUENCE s b_id_seq me",
                                   "COMMENT s TABLE b me", "TABLE s c me", "TABLE s d me"});
    EXPECT_EQ(cut_at_tables(script, {0, 6}, 2), (Parts{{0, 4}, {4, 6}}));
    EXPECT_EQ(cut_at_tables(script, {0, 6}, 3), (Parts{{0, 4}, {4, 6}}));
    EXPECT_EQ(cut_at_tables(script, {0, 6}, 6), (Parts{{0, 1}, {1, 4}, {4, 5}, {5, 6}}));
    EXPECT_EQ(cut_at_tables(script, {1, 4}, 2), (Parts{{1, 4}}));
}

TEST(SideBySide, BeginWithTheSettingsThatHoldThere) {
    auto script = script_of({"TABLE s a me", "TABLE s b me", "TABLE s c me"});
    script.entries[0].settings = {"SET default_tablespace = fast;",
                                  "SET default_table_access_method = heap;"};
    script.entries[2].settings = {"SET default_tablespace = '';"};
    EXPECT_TRUE(settings_at(script, 0).empty());
    EXPECT_EQ(settings_at(script, 2),
              (std::vector<std::string>{"SET default_table_access_method = heap;",
                                        "SET default_tablespace = fast;"}));
    EXPECT_EQ(settings_at(script, 3),
              (std::vector<std::string>{"SET default_table_access_method = heap;",
                                        "SET default_tablespace = '';"}));
}

}  // namespace
}  // namespace pghaul::loader
