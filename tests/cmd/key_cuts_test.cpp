// Tables cut into key ranges of every kind of key, copied by several streams: no row may be lost
// at a boundary, none may come twice.
#include <gtest/gtest.h>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {
namespace {

// 20 thousand rows of some 250 bytes: five chunks of 1 MB.
constexpr int kRows = 20000;

/// A table with these key columns, each row's key made from i in 1..kRows.
std::string keyed(const std::string& name, const std::string& columns, const std::string& keys,
                  const std::string& key = "primary key (k)") {
    return "create table " + name + " (" + columns + ", pad text" +
           (key.empty() ? "" : ", " + key) + "); insert into " + name + " select " + keys +
           ", repeat('p', 200) from generate_series(1, " + std::to_string(kRows) + ") i; analyze " +
           name + ";";
}

class KeyCuts : public HaulTest {
  protected:
    static void expect_equal_in_chunks(const Pair& pair, const Arguments& more = {}) {
        Arguments arguments = {"--chunk-size=1MB"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        ASSERT_TRUE(exited(run(pair, arguments), 0));
        EXPECT_GE(fewest_chunks(pair), 4);
        EXPECT_TRUE(equal(pair, true));
    }
};

TEST_F(KeyCuts, HoldOverIntegersWithEndsNegativesAndGaps) {
    expect_equal_in_chunks(fresh_pair(
        keyed("int8_ends", "k int8",
              "case i when 1 then -9223372036854775808 when 2 then "
              "9223372036854775807 when 3 then -1 when 4 then 1 else (i - 10000)::int8 * 7777777 "
              "end") +
        keyed("int8_skewed", "k int8", "case when i < 18000 then i else i::int8 * i * i end") +
        keyed("int4_negative", "k int4", "-i") +
        keyed("int4_random", "k int4", "(i::int8 * 2654435761 % 2147483647 - 1073741823)::int4") +
        keyed("int2_pair", "k int2, l int2", "i % 100 - 50, i / 100 - 100", "primary key (l, k)")));
}

TEST_F(KeyCuts, HoldOverTextOfEveryCollation) {
    std::string sql = R"sql(
        create collation any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        create function odd(i int) returns text language sql immutable as $$
            select (array['a''b', 'A"b', E'line\nbreak', 'back\slash', '', '%s', 'é', 'É', '列', ' x',
                          '$1', '--', '{}', 'ß', E'tab\t', 'ﬁ'])[1 + i % 16] || i $$;)sql";
    sql += keyed("text_c", "k text collate \"C\"", "odd(i)");
    sql += keyed("text_default", "k text", "odd(i)");
    sql += keyed("text_icu", "k text collate \"und-x-icu\"", "odd(i)");
    sql += keyed("text_no_case", "k text collate any_case", "odd(i)");
    sql += keyed("varchars", "k varchar(60), l text", "odd(i), 'same'", "primary key (l, k)");
    sql += keyed("long_text", "k text", "repeat('x', 300) || odd(i)");
    expect_equal_in_chunks(fresh_pair(sql));
}

TEST_F(KeyCuts, HoldOverOtherTypes) {
    std::string sql = R"sql(
        create extension citext;
        create domain number_of as bigint;
        create type size as enum ('s', 'm', 'l');)sql";
    sql += keyed("uuids", "k uuid", "md5(i::text)::uuid");
    sql += keyed("numerics", "k numeric",
                 "case i when 1 then 'NaN' when 2 then 'Infinity' when 3 then "
                 "'-Infinity' else (i - 10000) / 3.0 end");
    sql += keyed(
        "times", "k timestamptz",
        "case i when 1 then 'infinity' when 2 then '-infinity' "
        "when 3 then '4713-01-01 BC' else '2020-01-01'::timestamptz + i * interval '7 min' end");
    sql += keyed("days", "k date",
                 "case i when 1 then 'infinity'::date else '0500-01-01 BC'::date + i end");
    sql += keyed("bytes", "k bytea", "decode(md5(i::text), 'hex') || '\\x00'");
    sql += keyed("citexts", "k citext", "case when i % 2 = 0 then 'Key ' else 'kEY ' end || i");
    sql += keyed("chars", "k char(9)", "chr(65 + i % 26) || i");
    sql += keyed("floats", "k float8",
                 "case i when 1 then 'NaN' when 2 then '-Infinity' else i / 3.0::float8 end");
    sql += keyed("domains", "k number_of", "-i");
    sql += keyed("enums", "k size, l int", "(array['l', 's', 'm'])[1 + i % 3]::size, i",
                 "primary key (k, l)");
    sql += keyed("addresses", "k inet", "'10.0.0.0'::inet + i");
    sql += keyed("spans", "k interval", "i * interval '1 day 1 hour'");
    sql += keyed("arrays", "k int[]", "array[i % 7, null, i]");
    sql += keyed("ranges", "k int4range", "int4range(i, i + 3)");
    sql += keyed("bits", "k bit varying(64)", "i::bit(20)");
    sql += keyed(
        "mixed", "k text, l timestamptz, m int8, n uuid",
        "'g' || i % 3, '2020-01-01'::timestamptz + i % 50 * interval '1 s', -i, md5(i::text)::uuid",
        "primary key (k, l, m, n)");
    expect_equal_in_chunks(fresh_pair(sql));
}

TEST_F(KeyCuts, HoldWithoutAUsableKey) {
    std::string sql = keyed("keyless", "k int", "i % 5", "");
    sql += "delete from keyless where ctid::text like '%,7)';";
    sql += keyed("descending", "k int not null", "i", "") +
           "create unique index on descending (k desc);";
    sql += keyed("pattern", "k text not null", "'x' || i", "") +
           "create unique index on pattern (k text_pattern_ops);";
    sql += keyed("may_be_null", "k int", "nullif(i, 5)", "unique (k)");
    sql += keyed("in_part", "k int not null", "i", "") +
           "create unique index on in_part (k) where k > 5;";
    sql += keyed("late", "k int", "i", "primary key (k) deferrable");
    expect_equal_in_chunks(fresh_pair(sql));
}

TEST_F(KeyCuts, HoldWithOddNamesWideRowsPartitionsAndChildren) {
    std::string sql = keyed("\"T.a\"\"b\nle\"", "\"K.e\"\"y\n列\" int8, \"select\" text",
                            "-i, 'x' || i", "primary key (\"select\", \"K.e\"\"y\n列\")");
    sql += R"sql(
        create table parted (k int, pad text, primary key (k)) partition by range (k);
        create table parted_low partition of parted for values from (minvalue) to (20000);
        create table parted_rest partition of parted default;
        insert into parted select i, repeat('p', 200) from generate_series(1, 40000) i;
        create table parent (k int primary key, pad text);
        create table child (primary key (k)) inherits (parent);
        insert into parent select i, repeat('p', 200) from generate_series(1, 20000) i;
        insert into child select i, repeat('c', 200) from generate_series(1, 20000) i;
        create table toasted (k int primary key, wide text);
        alter table toasted alter wide set storage external;
        insert into toasted select i, repeat('w', 5000) from generate_series(1, 2000) i;
        create table counted (k int generated always as identity primary key,
                              twice int generated always as (length(pad) * 2) stored, pad text);
        insert into counted (pad) select repeat('p', 200) from generate_series(1, 20000) i;
        analyze;)sql";
    expect_equal_in_chunks(fresh_pair(sql));
}

TEST_F(KeyCuts, HoldWhenTheStatisticsAreMissingOrWrong) {
    // Never analysed: the row estimate is unknown; all rows in the last pages; many dead rows.
    const auto pair = fresh_pair(R"sql(
        create table unknown (k int primary key, pad text) with (autovacuum_enabled = off);
        insert into unknown select i, repeat('p', 200) from generate_series(1, 20000) i;
        create table hollow (k int primary key, pad text) with (autovacuum_enabled = off);
        insert into hollow select i, repeat('p', 200) from generate_series(1, 60000) i;
        delete from hollow where k < 59990;
        create table all_gone (k int primary key, pad text) with (autovacuum_enabled = off);
        insert into all_gone select i, repeat('p', 200) from generate_series(1, 20000) i;
        delete from all_gone;)sql");
    EXPECT_TRUE(exited(run(pair, {"--chunk-size=1MB"}), 0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select count(*) >= 4 from pghaul.chunk c join pghaul.table_plan t "
                              "on t.number = c.table_number where table_name like '%unknown%';"),
              "t");
}

TEST_F(KeyCuts, HoldInTextFormat) {
    expect_equal_in_chunks(fresh_pair(keyed("ints", "k int8", "i - 10000") +
                                      keyed("texts", "k text", "E'\\\\.\\n' || i") +
                                      keyed("keyless", "k bytea", "'\\x5c2e0a'::bytea", "")),
                           {"--format", "text"});
}

}  // namespace
}  // namespace pghaul::test
