#include "loader/schema_script.hpp"

#include <gtest/gtest.h>

#include "io/error.hpp"

namespace pghaul::loader {
namespace {

constexpr const char* kListing = R"(;
; Archive created at 2024-01-01 00:00:00 UTC
;
7; 2615 16514 SCHEMA - s postgres
2; 3079 16560 EXTENSION - pg_trgm 
3436; 0 0 COMMENT - EXTENSION pg_trgm 
218; 1259 16531 TABLE s a postgres
219; 1259 16551 TABLE s a b postgres
3437; 0 0 COMMENT s TABLE a postgres
3274; 1259 16546 INDEX s a_x postgres
3273; 2606 16537 CONSTRAINT s a a_pkey postgres
3280; 2620 16546 TRIGGER s a tr postgres
)";

std::vector<std::string> titles(const std::vector<TocLine>& toc) {
    std::vector<std::string> list;
    for (const auto& line : toc) list.push_back(line.title);
    return list;
}

TocLine line(const std::string& title) { return {"", 0, 0, title}; }

std::string header(const std::string& name, const std::string& type, const std::string& schema,
                   const std::string& owner) {
    return "--\n-- Name: " + name + "; Type: " + type + "; Schema: " + schema +
           "; Owner: " + owner + "\n--\n\n";
}

const std::string kStart =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped by pg_dump\n\n"
    "SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n\n";
const std::string kEnd = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n";

TEST(Toc, IsReadFromTheListing) {
    const auto toc = parse_toc(kListing);
    ASSERT_EQ(toc.size(), 9U);
    EXPECT_EQ(toc[0].title, "SCHEMA - s postgres");
    EXPECT_EQ(toc[0].catalog, 2615U);
    EXPECT_EQ(toc[0].oid, 16514U);
    EXPECT_EQ(toc[6].text, "3274; 1259 16546 INDEX s a_x postgres");
    EXPECT_THROW(parse_toc("what is this"), io::Error);
}

TEST(Toc, LosesWhatIsBuiltAndCommentsOnExtensionsOnly) {
    // The trigger has the index's OID, but in another catalog.
    const auto left = without_built(parse_toc(kListing), {16546, 16537});
    EXPECT_EQ(titles(left),
              (std::vector<std::string>{"SCHEMA - s postgres", "EXTENSION - pg_trgm ",
                                        "TABLE s a postgres", "TABLE s a b postgres",
                                        "COMMENT s TABLE a postgres", "TRIGGER s a tr postgres"}));
}

TEST(SchemaScript, IsCutIntoEntriesWithTheirSettings) {
    const auto script = parse_script(
        kStart + header("s", "SCHEMA", "-", "me") + "CREATE SCHEMA s;\n\n\n" +
            "SET default_tablespace = fast;\n\nSET default_table_access_method = heap;\n\n" +
            header("t", "TABLE", "s", "me; Tablespace: fast") + "CREATE TABLE s.t ();\n\n\n" + kEnd,
        {line("SCHEMA - s me"), line("TABLE s t me")});
    EXPECT_EQ(script.settings, (std::vector<std::string>{
                                   "SET statement_timeout = 0;",
                                   "SELECT pg_catalog.set_config('search_path', '', false);"}));
    EXPECT_TRUE(script.drops.empty());
    ASSERT_EQ(script.entries.size(), 2U);
    EXPECT_EQ(script.entries[0].title, "SCHEMA - s me");
    EXPECT_EQ(script.entries[0].sql.find("SET"), std::string::npos);
    EXPECT_EQ(script.entries[1].settings,
              (std::vector<std::string>{"SET default_tablespace = fast;",
                                        "SET default_table_access_method = heap;"}));
    EXPECT_NE(script.entries[1].sql.find("CREATE TABLE s.t ();"), std::string::npos);
    EXPECT_EQ(script.entries[1].sql.find("restrict"), std::string::npos);
}

TEST(SchemaScript, IsNotCutInsideAFunctionThatLooksLikeADump) {
    const auto body = header("x", "TABLE", "public", "-") + "SET default_tablespace = '';\n";
    const auto script = parse_script(kStart + header("f()", "FUNCTION", "s", "me") +
                                         "CREATE FUNCTION s.f() AS $$\n" + body + "$$;\n\n\n" +
                                         header("g()", "FUNCTION", "s", "me") +
                                         "CREATE FUNCTION s.g();\n\n\n" + kEnd,
                                     {line("FUNCTION s f() me"), line("FUNCTION s g() me")});
    ASSERT_EQ(script.entries.size(), 2U);
    EXPECT_NE(script.entries[0].sql.find(body + "$$;"), std::string::npos);
    EXPECT_TRUE(script.entries[1].settings.empty());
}

TEST(SchemaScript, TellsNamesApartThatBeginAlike) {
    const auto script = parse_script(kStart + header("a", "TABLE", "s", "-") + "1;\n\n\n" +
                                         header("a b", "TABLE", "s", "-") + "2;\n\n\n" + kEnd,
                                     {line("TABLE s a b me"), line("TABLE s a me")});
    ASSERT_EQ(script.entries.size(), 2U);
    EXPECT_EQ(script.entries[0].title, "TABLE s a me");
    EXPECT_EQ(script.entries[1].title, "TABLE s a b me");
}

TEST(SchemaScript, HasRightsOnSchemasBeforeWhatIsMadeThere) {
    const auto entry = [](const std::string& name, const std::string& type,
                          const std::string& schema) {
        return header(name, type, schema, "me") + name + ";\n\n\n";
    };
    std::vector<TocLine> toc = {line("SCHEMA - s me"),
                                line("ACL - SCHEMA s me"),
                                line("TABLE s a me"),
                                line("ACL s TABLE a me"),
                                line("DEFAULT ACL s - me"),
                                line("SCHEMA - u me"),
                                line("ACL - SCHEMA u me"),
                                line("TABLE u b me"),
                                line("ACL - SCHEMA of_extension me"),
                                line("EVENT TRIGGER - e me")};
    const auto script = parse_script(
        kStart + entry("s", "SCHEMA", "-") + entry("a", "TABLE", "s") + entry("u", "SCHEMA", "-") +
            entry("b", "TABLE", "u") + entry("SCHEMA s", "ACL", "-") +
            entry("TABLE a", "ACL", "s") + entry("-", "DEFAULT ACL", "s") +
            entry("SCHEMA u", "ACL", "-") + entry("SCHEMA of_extension", "ACL", "-") +
            entry("e", "EVENT TRIGGER", "-") + kEnd,
        toc);
    std::vector<std::string> list;
    for (const auto& each : script.entries) list.push_back(each.title);
    EXPECT_EQ(list,
              (std::vector<std::string>{"SCHEMA - s me", "TABLE s a me", "SCHEMA - u me",
                                        "ACL - SCHEMA s me", "ACL - SCHEMA u me", "TABLE u b me",
                                        "ACL s TABLE a me", "DEFAULT ACL s - me",
                                        "ACL - SCHEMA of_extension me", "EVENT TRIGGER - e me"}));
    order_as_script(toc);
    EXPECT_EQ(titles(toc), list);
}

TEST(SchemaScript, StaysWholeWhenAnEntryIsNotFound) {
    const auto script = parse_script(kStart + header("a", "TABLE", "s", "me") + "1;\n\n\n" +
                                         header("b", "VIEW", "s", "me") + "2;\n\n\n" + kEnd,
                                     {line("TABLE s a me"), line("TABLE s b me")});
    ASSERT_EQ(script.entries.size(), 1U);
    EXPECT_NE(script.entries[0].sql.find("1;"), std::string::npos);
    EXPECT_NE(script.entries[0].sql.find("2;"), std::string::npos);
    EXPECT_THROW(parse_script("nothing of the kind", {line("TABLE s a me")}), io::Error);
}

TEST(SchemaScript, KeepsDropsApart) {
    const auto script = parse_script(
        kStart +
            "DROP TABLE IF EXISTS s.t;\nCREATE OR REPLACE VIEW s.v AS\nSELECT\n    1;\n"
            "DROP SCHEMA IF EXISTS s;\n" +
            header("s", "SCHEMA", "-", "me") + "CREATE SCHEMA s;\n\n\n" + kEnd,
        {line("SCHEMA - s me")});
    EXPECT_EQ(script.drops,
              (std::vector<std::string>{"DROP TABLE IF EXISTS s.t;\n",
                                        "CREATE OR REPLACE VIEW s.v AS\nSELECT\n    1;\n",
                                        "DROP SCHEMA IF EXISTS s;\n"}));
}

TEST(SchemaScript, MayHaveNothingToDo) {
    const auto script = parse_script(kStart + kEnd, {});
    EXPECT_TRUE(script.entries.empty());
    EXPECT_EQ(script.settings.size(), 2U);
}

TEST(SchemaScript, LosesEntriesButNotTheSettingsBeforeThem) {
    SchemaScript script;
    script.entries = {{"a", {"SET x = 1;"}, "1"},
                      {"b", {"SET x = 2;"}, "2"},
                      {"b", {"SET y = 1;"}, "3"},
                      {"c", {"SET z = 1;"}, "4"}};
    EXPECT_TRUE(remove_entries(script, {"b", "b"}));
    ASSERT_EQ(script.entries.size(), 2U);
    EXPECT_EQ(script.entries[0].settings, std::vector<std::string>{"SET x = 1;"});
    EXPECT_EQ(script.entries[1].sql, "4");
    EXPECT_EQ(script.entries[1].settings,
              (std::vector<std::string>{"SET x = 2;", "SET y = 1;", "SET z = 1;"}));
    EXPECT_FALSE(remove_entries(script, {"c", "c"}));
}

TEST(WithoutOwner, LeavesOutOnlyWhatGivesAnObjectToTheRole) {
    const std::string table = "CREATE TABLE t (x int);\n\n\n";
    const auto left = [&](const std::string& end, const std::string& role) {
        return std::string(without_owner(table + end, role)) == table;
    };
    EXPECT_TRUE(left("ALTER TABLE s.t OWNER TO me;\n\n", "me"));
    EXPECT_TRUE(left("ALTER TABLE s.\"a b\" OWNER TO \"My \"\"role\";\n", "\"My \"\"role\""));
    EXPECT_FALSE(left("ALTER TABLE s.t OWNER TO you;\n\n", "me"));
    EXPECT_FALSE(left("ALTER TABLE s.t OWNER TO \"not me\";\n\n", "me"));
    EXPECT_FALSE(left("ALTER TABLE s.t OWNER TO me;\n\nSELECT 1;\n", "me"));
    // A line of a name.
    EXPECT_FALSE(left("ALTER TABLE s.\"\n\nALTER TABLE t\" OWNER TO me;\n\n", "me"));
    EXPECT_EQ(without_owner("\n\n", "me"), "\n\n");
}

TEST(SettingName, IsTheWordAfterSet) {
    EXPECT_EQ(setting_name("SET default_tablespace = '';"), "default_tablespace");
    EXPECT_EQ(setting_name("SET transaction_timeout=0;"), "transaction_timeout");
}

}  // namespace
}  // namespace pghaul::loader
