// Invariant 2: every row belongs to exactly one chunk, whatever its key's type and value.
#include "snapshot/cut.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

using test::table_named;

struct Case {
    const char* name;
    const char* columns;  // of table t, with its key
    const char* rows;     // what is inserted
};

std::ostream& operator<<(std::ostream& stream, const Case& c) { return stream << c.name; }

class Tiling : public test::SourceTest, public testing::WithParamInterface<Case> {};

TEST_P(Tiling, PutsEveryRowIntoExactlyOneChunk) {
    sql("create collation icu (provider = icu, locale = 'de'); "
        "create collation nd (provider = icu, locale = 'und-u-ks-level2', deterministic = false); "
        "create type mood as enum ('sad', 'ok', 'happy'); "
        "create domain code as text collate \"C\" check (value <> ''); "
        "create schema odd; create type odd.\"My Type\" as enum ('z', 'a')");
    sql(std::string("create table t (") + GetParam().columns + "); insert into t " +
        GetParam().rows + "; analyze t");
    const auto table = table_named(source(), "t");
    ASSERT_FALSE(table.key.empty());
    const auto rows = test::count_rows(source(), table);
    ASSERT_GT(rows, 2);
    // More chunks than rows on some: then nearly every key is a bound, also the odd ones.
    for (const int chunks : {2, 7, 1000}) {
        const auto bounds = cut_by_key(source(), table, chunks);
        EXPECT_FALSE(bounds.empty()) << chunks;
        const auto ranges = tile(bounds);
        const auto counts = test::per_range(source(), table, table.key, ranges);
        // Tiles that overlap or leave a gap would make up for each other only by miracle; a row in
        // two chunks would violate the key anyway, so the sum is what counts.
        EXPECT_EQ(test::sum(counts), rows) << chunks << ": " << test::listed(counts);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Keys, Tiling,
    testing::Values(
        Case{"Int8Extremes", "id int8 primary key",
             "values (-9223372036854775808), (-9223372036854775807), (-1), (0), (1), "
             "(9223372036854775806), (9223372036854775807)"},
        Case{"Int2", "id int2 primary key", "select generate_series(-32768, 32767, 97)"},
        Case{"NumericWithNan", "id numeric primary key",
             "values ('NaN'), ('-Infinity'), ('Infinity'), (1e100), (-1e-100), (0), (1.0), "
             "(1.00001)"},
        Case{"Float8WithNan", "id float8 primary key",
             "values ('NaN'), ('-Infinity'), ('Infinity'), (5e-324), (0.1), (1e308), (0)"},
        Case{"TextUnderC", "id text collate \"C\" primary key",
             "values (''), (' '), ('A'), ('a'), ('ä'), ('\"'), (''''), (E'\\\\'), (E'a\\nb'), "
             "('{}'), ('NULL')"},
        Case{"TextUnderIcu", "id text collate icu primary key",
             "values (''), (' '), ('A'), ('a'), ('ä'), ('Z'), ('\"'), (''''), (E'\\\\'), "
             "(E'a\\nb'), "
             "('NULL')"},
        Case{"TextThatIgnoresCase", "id text collate nd primary key",
             "values (''), ('A'), ('b'), ('C'), ('straße'), (''''), (E'\\\\')"},
        Case{"Varchar", "id varchar(9) primary key",
             "select i::text from generate_series(1, 500) i"},
        Case{"Char", "id char(4) primary key", "values (''), ('a'), ('a  b'), ('b'), (E'a\\t')"},
        Case{"SingleByteChar", "id \"char\" primary key", "values ('a'), ('b'), (''), ('Z')"},
        Case{"Name", "id name primary key", "values ('a'), ('b'), (repeat('x', 63)), ('')"},
        Case{"Bytea", "id bytea primary key",
             "values (''), ('\\x00'), ('\\xff'), ('\\x27'), ('\\x5c5c'), ('\\x00ff')"},
        Case{"TimestamptzWithInfinity", "id timestamptz primary key",
             "values ('-infinity'), ('infinity'), ('epoch'), ('2024-02-29 23:59:59.999999+14'), "
             "('4713-01-01 BC'), ('294276-12-31')"},
        Case{"Date", "id date primary key",
             "values ('-infinity'), ('infinity'), ('0044-03-15 BC'), "
             "('2024-01-01')"},
        Case{"Interval", "id interval primary key",
             "values ('1 mon'), ('29 days'), ('-1 year'), "
             "('0'), ('1 day -1 second')"},
        Case{"Boolean", "a bool, b int, primary key (a, b)",
             "select i % 2 = 0, i from generate_series(1, 100) i"},
        Case{"Uuid", "id uuid primary key",
             "select md5(i::text)::uuid from generate_series(1, 500) i"},
        Case{"Inet", "id inet primary key",
             "values ('::1'), ('10.0.0.0/8'), ('10.0.0.0'), ('fe80::')"},
        Case{"Bits", "id varbit primary key", "values (''), ('0'), ('1'), ('01'), ('1011')"},
        Case{"FixedBits", "id bit(5) primary key",
             "values ('00000'), ('10000'), ('10001'), ('11111')"},
        Case{"Enum", "id mood primary key", "values ('happy'), ('sad'), ('ok')"},
        Case{"EnumWithOddName", "id odd.\"My Type\", b int, primary key (id, b)",
             "select (array['z', 'a'])[1 + i % 2]::odd.\"My Type\", i from generate_series(1, 99) "
             "i"},
        Case{"Domain", "id code primary key", "values ('a'), ('B'), ('ä'), (''''), (E'\\\\')"},
        Case{"Array", "id int[] primary key", "values ('{}'), ('{1}'), ('{1,NULL}'), ('{2,1}')"},
        Case{"TextArray", "id text[] primary key",
             "values ('{}'), ('{\"a,b\"}'), ('{\"\\\"\"}'), (array['it''s', E'\\\\'])"},
        Case{"Range", "id int4range primary key", "values ('empty'), ('[1,2)'), ('(,)'), ('[5,)')"},
        Case{"Jsonb", "id jsonb primary key",
             "values ('{}'), ('[]'), ('\"it''s\"'), ('{\"a\": \"\\\\\"}'), ('null')"},
        Case{"Lsn", "id pg_lsn primary key", "values ('0/0'), ('1/0'), ('FFFFFFFF/FFFFFFFF')"},
        Case{"Composite", "a int, b text, c timestamptz, primary key (a, b, c)",
             "select i % 3 - 1, case i % 4 when 0 then '' else repeat('''', i % 4) end, "
             "timestamptz 'epoch' + i * interval '1 s' from generate_series(1, 300) i"},
        Case{"OddNames",
             "\"a \"\"b\"\"\" int, \"select\" int, primary key (\"a \"\"b\"\"\", \"select\")",
             "select i % 5, i from generate_series(1, 100) i"}),
    [](const auto& test_case) { return std::string(test_case.param.name); });

using RowAddresses = test::SourceTest;

TEST_F(RowAddresses, PutEveryRowIntoExactlyOneChunk) {
    sql("create table t (x int, pad text); "
        "insert into t select i, repeat('x', 300) from generate_series(1, 5000) i; "
        "delete from t where x % 3 = 0; vacuum t");
    const auto table = table_named(source(), "t");
    ASSERT_TRUE(table.key.empty());
    const auto ranges = tile(cut_by_page(table, 6));
    const auto counts = test::per_range(source(), table, ctid_key(), ranges);
    EXPECT_EQ(test::sum(counts), test::count_rows(source(), table)) << test::listed(counts);
    EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 0) << test::listed(counts);
}

}  // namespace
}  // namespace pghaul::snapshot
