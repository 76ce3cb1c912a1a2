// The catalog, the keeper and the cuts on the oldest and the newest server that we test with.
#include "snapshot/cut.hpp"
#include "snapshot/keeper.hpp"
#include "tests/snapshot/servers.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

class OnServer : public testing::TestWithParam<int> {
  protected:
    void SetUp() override {
        if (!test::find_server_bin(GetParam())) {
            GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not installed";
        }
        auto& cluster = test::cluster_of(GetParam());
        const auto name = "versions" + std::to_string(++number_);
        test::create_database(cluster, name);
        database_ = cluster.conninfo(name);
    }
    Keeper keeper() { return Keeper(io::ConnInfo::parse(database_), "test", {}, true, interrupt_); }
    void sql(const std::string& text) { test::psql(database_, text); }

    static inline int number_ = 0;
    io::Interrupt interrupt_;
    std::string database_;
};

TEST_P(OnServer, KeepsAnImageWithItsCatalog) {
    sql("create table o (id int primary key); "
        "create table t (id bigint primary key, o int references o, s serial); "
        "create index i on t (o); insert into t select i from generate_series(1, 20000) i; "
        "create table p (id int) partition by range (id); "
        "create table leaf partition of p for values from (0) to (9); "
        "create materialized view m as select 1; analyze");
    auto image = keeper();
    const auto& catalog = image.catalog();
    EXPECT_EQ(catalog.tables.size(), 3U);
    const auto table = test::table_named(catalog, "t");
    EXPECT_EQ(table.columns.size(), 3U);
    ASSERT_EQ(table.key.size(), 1U);
    EXPECT_EQ(table.key[0].name, "id");
    EXPECT_EQ(table.indexes.size(), 2U);
    EXPECT_EQ(test::table_named(catalog, "leaf").root_name, "p");
    EXPECT_EQ(catalog.foreign_keys.size(), 1U);
    EXPECT_EQ(catalog.sequences.size(), 1U);
    EXPECT_EQ(catalog.materialized_views.size(), 1U);

    const auto ranges = tile(cut_by_key(image.connection(), table, 8));
    EXPECT_EQ(ranges.size(), 8U);
    const auto counts = test::per_range(image.connection(), table, table.key, ranges);
    EXPECT_EQ(test::sum(counts), 20000);
    EXPECT_LE(*std::max_element(counts.begin(), counts.end()), 20000 / 8 * 3 / 2)
        << test::listed(counts);

    sql("insert into t values (0)");
    auto stream = test::connect(database_, interrupt_);
    stream.execute({"import_snapshot", import_snapshot(image.exported())});
    EXPECT_EQ(test::count_rows(stream, table), 20000);
}

class OnServerSince18 : public OnServer {};

TEST_P(OnServerSince18, LeavesOutVirtualColumnsAndKeysWithoutOverlaps) {
    sql("create extension btree_gist; "
        "create table t (id int, during daterange, twice int generated always as (id * 2) virtual, "
        "primary key (id, during without overlaps))");
    const auto table = test::table_named(keeper().catalog(), "t");
    EXPECT_EQ(table.columns.size(), 2U);
    EXPECT_TRUE(table.key.empty()) << "no B-tree to cut by";
    ASSERT_EQ(table.indexes.size(), 1U);
    EXPECT_EQ(table.indexes[0].constraint_kind, "x") << "it can't adopt an index";
    EXPECT_EQ(table.indexes[0].constraint_definition, "PRIMARY KEY (id, during WITHOUT OVERLAPS)");
}

INSTANTIATE_TEST_SUITE_P(Version, OnServer, testing::Values(10, 15, 18),
                         [](const auto& major) { return std::to_string(major.param); });
INSTANTIATE_TEST_SUITE_P(Version, OnServerSince18, testing::Values(18),
                         [](const auto& major) { return std::to_string(major.param); });

}  // namespace
}  // namespace pghaul::snapshot
