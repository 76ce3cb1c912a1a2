// Databases of other encodings than UTF-8: rows travel as the source has them, names as UTF-8.
#include <gtest/gtest.h>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {
namespace {

using Encodings = HaulTest;

std::string options_for(const std::string& encoding) {
    return "encoding '" + encoding + "' lc_collate 'C' lc_ctype 'C' template template0";
}

/// Non-ASCII in names, rows, keys, comments and large objects' comments; several chunks.
std::string western_schema() {
    return R"sql(
        create schema "Größe";
        create type "Größe"."Ärger" as enum ('früh', 'spät');
        create table "Größe"."naïve Täble" (
            "schlüssel é" text primary key, wann "Größe"."Ärger" not null default 'spät', pad text,
            constraint "Prüfung" check (pad <> 'ü'));
        insert into "Größe"."naïve Täble"
            select (array['é', 'Z', 'ß', 'ÿ', 'a'])[1 + i % 5] || i, 'früh', repeat('ñ', 200)
              from generate_series(1, 20000) i;
        create index "Übersicht" on "Größe"."naïve Täble" (pad) where pad <> 'é';
        comment on table "Größe"."naïve Täble" is 'Größe: ''ø''';
        create sequence "Zähler"; select nextval('"Zähler"');
        select lo_from_bytea(7, '\xe9ff'); comment on large object 7 is 'ünïcode';
        analyze;)sql";
}

TEST_F(Encodings, GoFromLatin1ToUtf8) {
    const auto pair = fresh_pair(western_schema(), options_for("LATIN1"));
    ASSERT_TRUE(exited(run(pair, {"--chunk-size=1MB"}), 0));
    EXPECT_GE(fewest_chunks(pair), 4);
    EXPECT_TRUE(equal(pair));
    EXPECT_EQ(pair.target_sql("show server_encoding;"), "UTF8");
    EXPECT_EQ(pair.target_sql("select count(*) from \"Größe\".\"naïve Täble\" where wann = 'früh' "
                              "and \"schlüssel é\" like 'ÿ%' and pad like 'ññ%';"),
              "4000");
    EXPECT_EQ(pair.target_sql("select obj_description('\"Größe\".\"naïve Täble\"'::regclass);"),
              "Größe: 'ø'");
}

TEST_F(Encodings, GoFromLatin1ToUtf8InTextFormat) {
    const auto pair = fresh_pair(western_schema(), options_for("LATIN1"));
    ASSERT_TRUE(exited(run(pair, {"--chunk-size=1MB", "--format", "text"}), 0));
    EXPECT_TRUE(equal(pair));
}

TEST_F(Encodings, StayWin1252) {
    const auto pair = fresh_pair(western_schema() +
                                     "create table e (k text primary key, \"€\" int);"
                                     "insert into e values ('€', 1), ('„', 2);",
                                 options_for("WIN1252"), options_for("WIN1252"));
    ASSERT_TRUE(exited(run(pair, {"--chunk-size=1MB"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Encodings, GoFromUtf8ToLatin1WhereEveryCharacterFits) {
    const auto pair = fresh_pair(western_schema(), "", options_for("LATIN1"));
    ASSERT_TRUE(exited(run(pair), 0));
    EXPECT_TRUE(equal(pair));
}

TEST_F(Encodings, RefuseARowWhoseCharacterTheTargetLacks) {
    const auto pair = fresh_pair("create table t (a text); insert into t values ('列');", "",
                                 options_for("LATIN1"));
    EXPECT_TRUE(refused(run(pair), 1, {"public.t", "22P05", "ENCODING 'UTF8'"}));
}

TEST_F(Encodings, GoFromSqlAsciiToUtf8WhereTheBytesAreValid) {
    const auto pair = fresh_pair(western_schema(), options_for("SQL_ASCII"));
    ASSERT_TRUE(exited(run(pair, {"--chunk-size=1MB"}), 0));
    EXPECT_EQ(
        pair.target_sql("select count(*) from \"Größe\".\"naïve Täble\" where pad like 'ññ%';"),
        "20000");
    EXPECT_TRUE(equal(pair));
}

TEST_F(Encodings, RefuseBytesOfSqlAsciiThatAreNotUtf8) {
    const auto pair = fresh_pair("create table t (a text); insert into t values (E'\\xe9');",
                                 options_for("SQL_ASCII"));
    EXPECT_TRUE(refused(run(pair), 1, {"public.t", "22021", "repair these rows"}));
}

TEST_F(Encodings, RefuseAPairThatHasNoConversion) {
    const auto pair =
        fresh_pair("create table t (a text);", options_for("EUC_JP"), options_for("LATIN1"));
    for (const std::string command : {"run", "plan"}) {
        Arguments arguments = {command,    "--source",  pair.source,
                               "--target", pair.target, "--no-capture"};
        EXPECT_TRUE(refused(pghaul(arguments), 3, {"EUC_JP", "LATIN1", "ENCODING 'UTF8'"}));
    }
    EXPECT_EQ(pair.target_sql("select count(*) from pg_namespace where nspname = 'pghaul';"), "0");
}

}  // namespace
}  // namespace pghaul::test
