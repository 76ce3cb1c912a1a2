// Largest chunk ≤ 1.5 × the mean, whatever the keys look like, without reading the table.
#include "snapshot/cut.hpp"

#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

using test::per_range;
using test::table_named;

constexpr int kChunks = 12;
constexpr double kBound = 1.5;

class Cut : public test::SourceTest {
  protected:
    /// Cuts table t and expects chunks of about equal rows (or whatever `aggregate` adds up).
    void expect_even(const std::string& aggregate = "pg_catalog.count(*)") {
        const auto table = table_named(source(), "t");
        ASSERT_FALSE(table.key.empty());
        const auto ranges = tile(cut_by_key(source(), table, kChunks));
        EXPECT_LE(ranges.size(), static_cast<std::size_t>(kChunks));
        const auto sizes = per_range(source(), table, table.key, ranges, aggregate);
        // Against the mean of what was asked for: one huge chunk is not even with itself.
        const double mean = static_cast<double>(test::sum(sizes)) / kChunks;
        EXPECT_LE(static_cast<double>(*std::max_element(sizes.begin(), sizes.end())), kBound * mean)
            << test::listed(sizes);
    }
};

TEST_F(Cut, IsEvenOnUniformKeys) {
    sql("create table t (id bigint primary key, x int); "
        "insert into t select i, i from generate_series(1, 100000) i; analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenWhenNineTenthsOfTheKeysLieInOneHundredthOfTheirRange) {
    sql("create table t (id bigint primary key); "
        "insert into t select case when i % 10 < 9 then 4000000 + i else i * 100 end "
        "from generate_series(1, 100000) i on conflict do nothing; analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenOnKeysWithGaps) {
    sql("create table t (id bigint primary key); "
        "insert into t select (i / 1000)::bigint * 9000000000 + i "
        "from generate_series(1, 100000) i; analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenOnAHeapInRandomOrder) {
    sql("create table t (id bigint primary key); select setseed(0.5); "
        "insert into t select i from generate_series(1, 100000) i order by random(); analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenOnACompositeKeyWithOneLeadingValueInNineTenthsOfTheRows) {
    sql("create table t (a text, b int, primary key (a, b)); "
        "insert into t select case when i % 10 = 0 then 'k' || i else 'main' end, i "
        "from generate_series(1, 100000) i; analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenOnUuids) {
    sql("create table t (id uuid primary key); "
        "insert into t select md5(i::text)::uuid from generate_series(1, 100000) i; analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenOnTextKeys) {
    sql("create table t (id text primary key); "
        "insert into t select 'user-' || i || '@example.com' from generate_series(1, 100000) i; "
        "analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenAfterMostRowsWereDeletedByKey) {
    sql("create table t (id bigint primary key, x int); "
        "insert into t select i, i from generate_series(1, 200000) i; "
        "delete from t where id between 20001 and 180000; analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenAfterRowsWereDeletedEverywhere) {
    sql("create table t (id bigint primary key, x int); "
        "insert into t select i, i from generate_series(1, 200000) i; "
        "delete from t where id % 10 <> 0; analyze t; vacuum t");
    expect_even();
}

TEST_F(Cut, IsEvenAfterEveryRowMovedToAnotherPage) {
    sql("create table t (id bigint primary key, x int); create index on t (x); "
        "insert into t select i, i from generate_series(1, 100000) i; "
        "update t set x = x + 1; vacuum analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenAfterEveryRowMovedWithinItsPage) {
    // Vacuum turns the rows' first line pointers into redirects, which no row address reaches.
    sql("create table t (id bigint primary key, x int) with (fillfactor = 45); "
        "insert into t select i, i from generate_series(1, 100000) i; "
        "update t set x = x + 1; vacuum analyze t");
    expect_even();
}

TEST_F(Cut, IsEvenOnATableThatWasNeverAnalyzed) {
    sql("create table t (id bigint primary key, x text) with (autovacuum_enabled = off); "
        "insert into t select i, repeat('x', 200) from generate_series(1, 60000) i");
    expect_even();
}

TEST_F(Cut, IsEvenOnATableThatGrewTenfoldSinceItWasAnalyzed) {
    sql("create table t (id bigint primary key) with (autovacuum_enabled = off); "
        "insert into t select i from generate_series(1, 10000) i; analyze t; "
        "insert into t select i from generate_series(10001, 100000) i");
    expect_even();
}

TEST_F(Cut, IsEvenInBytesWhereSomeRowsAreToastedAndOthersAreTiny) {
    // The first tenth of the keys holds nearly all of the bytes, outside of the heap.
    sql("create table t (id bigint primary key, doc text); "
        "alter table t alter doc set storage external; "
        "insert into t select i, case when i <= 5000 then repeat('x', 8000) else 'x' end "
        "from generate_series(1, 50000) i; analyze t");
    ASSERT_GT(table_named(source(), "t").toast_bytes, table_named(source(), "t").heap_bytes);
    expect_even("pg_catalog.sum(pg_catalog.octet_length(doc) + 32)");
}

TEST_F(Cut, IsEvenUnderACollationOtherThanC) {
    sql("create collation nd (provider = icu, locale = 'und', deterministic = false); "
        "create table t (id text collate nd primary key); "
        "insert into t select (array['a', 'B', 'ä', 'Z', '_'])[1 + i % 5] || i "
        "from generate_series(1, 50000) i; analyze t");
    expect_even();
}

TEST_F(Cut, GivesAscendingBoundsWithoutRepeats) {
    sql("create table t (id numeric primary key); "
        "insert into t select i / 7.0 from generate_series(1, 20000) i; analyze t");
    const auto table = table_named(source(), "t");
    const auto bounds = cut_by_key(source(), table, 40);
    ASSERT_EQ(bounds.size(), 39U);
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
        EXPECT_LT(std::stod(bounds[i][0]), std::stod(bounds[i + 1][0])) << i;
    }
}

TEST_F(Cut, CannotCutWhatHasFewerKeysThanChunks) {
    sql("create table t (id int primary key); insert into t values (1), (2), (3); "
        "create table empty (id int primary key); analyze");
    EXPECT_LE(cut_by_key(source(), table_named(source(), "t"), 50).size(), 2U);
    EXPECT_TRUE(cut_by_key(source(), table_named(source(), "empty"), 50).empty());
}

TEST_F(Cut, CutsAPrefixOfTheKeyWhereTheRestCannotServe) {
    // The second column is sorted downwards, so only the first can bound a range.
    sql("create table t (a int not null, b int not null); "
        "create unique index on t (a, b desc); "
        "insert into t select i / 100, i from generate_series(0, 99999) i; analyze t");
    const auto table = table_named(source(), "t");
    ASSERT_EQ(table.key.size(), 1U);
    EXPECT_FALSE(table.key_is_complete);
    expect_even();
}

class CutCost : public test::SourceTest {
  protected:
    /// Heap blocks that cutting into four chunks asks for, read or hit.
    std::int64_t blocks_touched(const std::string& name) {
        const auto blocks = [&] {
            return std::stoll(
                test::psql(database_,
                           "select heap_blks_read + heap_blks_hit from pg_statio_user_tables "
                           "where relname = '" +
                               name + "'"));
        };
        const auto table = table_named(source(), name);
        const auto flush = [&] {
            source().execute({"flush", "select pg_catalog.pg_stat_force_next_flush()"});
            source().execute({"tick", "select 1"});
        };
        flush();
        const auto before = blocks();
        EXPECT_EQ(cut_by_key(source(), table, 4).size(), 3U);
        flush();
        EXPECT_TRUE(test::eventually([&] { return blocks() > before; }));
        return blocks() - before;
    }
};

TEST_F(CutCost, DoesNotGrowWithTheTable) {
    sql("create table small (id bigint primary key) with (autovacuum_enabled = off); "
        "create table large (id bigint primary key) with (autovacuum_enabled = off); "
        "insert into small select generate_series(1, 200000); "
        "insert into large select generate_series(1, 2000000); analyze");
    const auto small = blocks_touched("small");
    const auto large = blocks_touched("large");
    const auto pages = table_named(source(), "large").pages;
    EXPECT_LT(large, pages) << "as much as a full scan";
    EXPECT_LT(static_cast<double>(large), 1.5 * static_cast<double>(small));
}

TEST(CutByPage, SpacesRowAddressesEvenly) {
    TableInfo table;
    table.pages = 100;
    EXPECT_EQ(cut_by_page(table, 4), (std::vector<Key>{{"(25,0)"}, {"(50,0)"}, {"(75,0)"}}));
    EXPECT_TRUE(cut_by_page(table, 1).empty());
    table.pages = 4'000'000'000;
    EXPECT_EQ(cut_by_page(table, 2), (std::vector<Key>{{"(2000000000,0)"}}));
}

}  // namespace
}  // namespace pghaul::snapshot
