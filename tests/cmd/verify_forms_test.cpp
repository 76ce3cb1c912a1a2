// pghaul verify wherever rows have more than one form: every type and odd name, other encodings.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/cmd/verify_steps.hpp"

namespace pghaul::test {
namespace {

using VerifyForms = HaulTest;

std::string in(const std::string& encoding) {
    return "encoding '" + encoding + "' lc_collate 'C' lc_ctype 'C' template template0";
}

TEST_F(VerifyForms, EqualOneOfEverythingThatWasCopied) {
    std::ifstream file(PGHAUL_SOURCE_DIR "/tests/cmd/mixed_schema.sql");
    std::ostringstream schema;
    schema << file.rdbuf();
    on_both_servers(R"sql(create role "Odd ""Owner"; create role reader;)sql");
    const auto pair = fresh_pair(schema.str());
    ASSERT_TRUE(exited(run(pair), 0));
    const auto result = verify(pair);
    EXPECT_TRUE(exited(result, 0));
    const auto tables = pair.target_sql("select count(*) from pghaul.table_plan;");
    EXPECT_TRUE(holds(result.out, "compared " + tables + " tables, "));
    EXPECT_TRUE(exited(verify(pair, {"--sample", "100"}), 0));
}

constexpr const char* kWestern = R"sql(
    create schema "Größe"; create type "Größe"."Ärger" as enum ('früh', 'spät');
    create type "Größe".paar as (a text, b int);
    create table "Größe"."naïve" ("schlüssel é" text primary key, wann "Größe"."Ärger", pad text,
                                  p "Größe".paar);
    insert into "Größe"."naïve"
        select (array['é', 'Z', 'ß', 'ÿ'])[1 + i % 4] || i, 'früh', repeat('ñ', 200), row('ø', i)::"Größe".paar
          from generate_series(1, 20000) i;
    create table "ohne Schlüssel" as select 'ü' || i % 10 as a from generate_series(1, 100) i;
    analyze;)sql";

/// Copies, finds nothing, does damage, names it, mends it.
void find_and_mend(const Pair& pair, const std::string& e_acute = "é") {
    ASSERT_TRUE(exited(run(pair, {"--chunk-size=1MB"}), 0));
    ASSERT_TRUE(exited(verify(pair), 0));
    pair.target_sql(R"sql(
        update "Größe"."naïve" set pad = 'ñ', wann = 'spät' where "schlüssel é" = 'é4';
        update "Größe"."naïve" set p = row('å', 8)::"Größe".paar where "schlüssel é" = 'é8';
        delete from "Größe"."naïve" where "schlüssel é" = 'é12';
        delete from "ohne Schlüssel" where a = 'Z0' or a like '%7';)sql");
    const auto result = verify(pair);
    EXPECT_TRUE(exited(result, 4));
    const std::string table = "\"Größe\".\"naïve\": schlüssel é=" + e_acute;
    auto lines = found(result);
    EXPECT_TRUE(lines.contains(table + "4 differs in wann, pad")) << result.out;
    EXPECT_TRUE(lines.contains(table + "8 differs in p")) << result.out;
    EXPECT_TRUE(lines.contains(table + "12 is missing on the target")) << result.out;
    EXPECT_EQ(lines.size(), 4U) << result.out;
    EXPECT_TRUE(exited(verify(pair, {"--repair"}), 0));
    EXPECT_TRUE(equal(pair));
}

TEST_F(VerifyForms, CompareLatin1WithUtf8) { find_and_mend(fresh_pair(kWestern, in("LATIN1"))); }

TEST_F(VerifyForms, CompareUtf8WithLatin1) {
    find_and_mend(fresh_pair(kWestern, "", in("LATIN1")));
}

TEST_F(VerifyForms, CompareTwoOfWin1252) {
    find_and_mend(fresh_pair(kWestern, in("WIN1252"), in("WIN1252")));
}

TEST_F(VerifyForms, CompareBytesWithoutAnEncodingWithUtf8) {
    find_and_mend(fresh_pair(kWestern, in("SQL_ASCII")));
}

TEST_F(VerifyForms, ShowBytesThatHaveNoPlaceInUnicode) {
    const auto pair = fresh_pair(
        "create table t (k text primary key, v int);"
        "insert into t values (E'a\\xe9', 1), (E'\\xff', 2);",
        in("SQL_ASCII"), in("SQL_ASCII"));
    ASSERT_TRUE(exited(run(pair), 0));
    ASSERT_TRUE(exited(verify(pair), 0));
    pair.target_sql("update t set v = 0 where v = 1;");
    EXPECT_EQ(found(verify(pair)), Lines{"public.t: k=a\\xe9 differs in v"});
    EXPECT_TRUE(holds(verify(pair, {"--json"}).out, "\"k\": \"a\\\\xe9\""));
    EXPECT_TRUE(exited(verify(pair, {"--repair"}), 0));
    EXPECT_TRUE(equal(pair));
}

TEST_F(VerifyForms, CutLongKeysAndKeepOddOnesOnTheirLine) {
    const auto pair = fresh_pair(
        "create table t (k text, \"a=,b\" text, primary key (k, \"a=,b\"));"
        "insert into t values (repeat('é', 500), ''), (E'two\\nlines', "
        "E'\\x1b[31m');");
    ASSERT_TRUE(exited(run(pair), 0));
    pair.target_sql("delete from t;");
    std::string long_key;
    for (int i = 0; i < 100; ++i) long_key += "é";
    EXPECT_EQ(found(verify(pair)),
              (Lines{"public.t: k=" + long_key + "..., a=,b= is missing on the target",
                     "public.t: k=two\\nlines, a=,b=?[31m is missing on the target"}));
}

}  // namespace
}  // namespace pghaul::test
