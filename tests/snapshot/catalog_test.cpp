#include "snapshot/catalog.hpp"

#include "io/transaction.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

using test::catalog_of;
using test::psql;
using test::table_named;

using CatalogTest = test::SourceTest;

std::vector<std::string> names_of(const TableInfo& table) {
    std::vector<std::string> names;
    for (const auto& column : table.columns) names.push_back(column.name);
    return names;
}

TEST_F(CatalogTest, ListsColumnsWithoutGeneratedAndDroppedOnes) {
    sql("create table t (a int, b int generated always as (a + 1) stored, gone int, "
        "\"C d\" text, e int generated always as identity); alter table t drop gone");
    EXPECT_EQ(names_of(table_named(source(), "t")), (std::vector<std::string>{"a", "C d", "e"}));
}

TEST_F(CatalogTest, HoldsTablesWithoutColumns) {
    sql("create table t ()");
    EXPECT_TRUE(table_named(source(), "t").columns.empty());
}

TEST_F(CatalogTest, TellsWhichTypesTravelInBinary) {
    sql("create extension if not exists plpgsql; create type e as enum ('a'); "
        "create type c as (x int); create domain d as numeric; "
        "create table t (a int, b text[], c e, d d, e int4range, f jsonb, "
        "  g tsvector, h money, i regclass, j c, k e[], l xml, m c[])");
    for (const auto& column : table_named(source(), "t").columns) {
        EXPECT_EQ(column.binary_safe, column.name < "g") << column.name;
    }
}

TEST_F(CatalogTest, TellsColumnsOfVaryingSize) {
    sql("create table t (a int, b text, c uuid, d bytea, e int[])");
    std::string varying;
    for (const auto& column : table_named(source(), "t").columns) {
        if (column.variable_size) varying += column.name;
    }
    EXPECT_EQ(varying, "bde");
}

TEST_F(CatalogTest, TellsKindsOfTablesAndListsOnlyThoseWithRowsOfTheirOwn) {
    sql("create table p (id int) partition by range (id); "
        "create table leaf partition of p for values from (0) to (9); "
        "create table sub partition of p for values from (9) to (99) partition by range (id); "
        "create table leaf2 partition of sub for values from (9) to (50); "
        "create table parent (id int); create table child () inherits (parent); "
        "create view v as select 1; create unlogged table u (id int)");
    const auto catalog = catalog_of(source());
    EXPECT_EQ(catalog.tables.size(), 5U);
    EXPECT_EQ(table_named(catalog, "leaf").kind, TableKind::partition);
    EXPECT_EQ(table_named(catalog, "leaf2").kind, TableKind::partition);
    EXPECT_EQ(table_named(catalog, "parent").kind, TableKind::plain);
    EXPECT_EQ(table_named(catalog, "child").kind, TableKind::inheritance_child);
    EXPECT_EQ(table_named(catalog, "u").kind, TableKind::plain);
    // The topmost table's statistics cover its leaves', however deep.
    EXPECT_EQ(table_named(catalog, "leaf").root_name, "p");
    EXPECT_EQ(table_named(catalog, "leaf2").root_name, "p");
    EXPECT_EQ(table_named(catalog, "child").root_name, "");
    EXPECT_EQ(catalog.partition_roots, (std::vector<std::string>{"\"public\".\"p\""}));
}

TEST_F(CatalogTest, KeepsTheConditionOfAnExtensionsConfiguration) {
    sql("create table config (id int primary key); alter extension plpgsql add table config; "
        "update pg_extension set extconfig = array['config'::regclass]::oid[], "
        "extcondition = array['where id > 1'] where extname = 'plpgsql'");
    const auto table = table_named(source(), "config");
    EXPECT_EQ(table.kind, TableKind::extension_config);
    EXPECT_EQ(table.config_condition, "where id > 1");
    EXPECT_TRUE(table.indexes.empty()) << "the extension makes them";
}

TEST_F(CatalogTest, CountsTheBytesOfTheHeapItsToastAndItsIndexes) {
    sql("create table t (id int primary key, doc text); "
        "alter table t alter doc set storage external; "
        "insert into t select i, repeat('x', 10000) from generate_series(1, 100) i; analyze t");
    const auto table = table_named(source(), "t");
    EXPECT_EQ(table.heap_bytes, 8192);
    EXPECT_EQ(table.pages, 1);
    EXPECT_GE(table.toast_bytes, 100 * 10000);
    EXPECT_EQ(table.index_bytes, 2 * 8192);
    EXPECT_EQ(table.row_estimate, 100);
    EXPECT_EQ(table.bytes(), table.heap_bytes + table.toast_bytes);
}

TEST_F(CatalogTest, LooksAnewAtTheSizeOfALargeTablesIndexes) {
    sql("create table large (id int primary key, doc text) with (autovacuum_enabled = off); "
        "insert into large select i, repeat('x', 100) from generate_series(1, 20000) i");
    const auto large = table_named(source(), "large");
    EXPECT_EQ(std::to_string(large.indexes.at(0).bytes),
              psql(database_, "select pg_relation_size('large_pkey')"));
    EXPECT_GT(large.index_bytes, 100 * 1024);
    EXPECT_EQ(large.index_bytes, large.indexes.at(0).bytes);
}

TEST_F(CatalogTest, SaysThatATableWasNeverAnalyzed) {
    sql("create table t (id int) with (autovacuum_enabled = off); insert into t values (1)");
    EXPECT_EQ(table_named(source(), "t").row_estimate, -1);
}

TEST_F(CatalogTest, ListsIndexesWithAllThatHangsOnThem) {
    sql("create extension if not exists btree_gist; "
        "create table t (id int constraint pk primary key, a int, b int4range, "
        "  constraint u unique (a) deferrable initially deferred, "
        "  constraint x exclude using gist (b with &&)); "
        "create unique index i on t ((a + 1), id); alter index i alter column 1 set statistics "
        "321; "
        "alter table t cluster on i; create unique index r on t (id); "
        "alter table t replica identity using index r");
    std::map<std::string, IndexInfo> indexes;
    for (const auto& index : table_named(source(), "t").indexes) indexes[index.name] = index;
    ASSERT_EQ(indexes.size(), 5U);
    EXPECT_EQ(indexes["pk"].constraint_kind, "p");
    EXPECT_EQ(indexes["pk"].constraint_name, "pk");
    EXPECT_NE(indexes["pk"].constraint_oid, 0U);
    EXPECT_EQ(indexes["u"].constraint_kind, "u");
    EXPECT_TRUE(indexes["u"].deferrable && indexes["u"].deferred);
    EXPECT_EQ(indexes["x"].constraint_kind, "x");
    EXPECT_EQ(indexes["x"].constraint_definition, "EXCLUDE USING gist (b WITH &&)");
    EXPECT_EQ(indexes["i"].constraint_oid, 0U);
    EXPECT_EQ(indexes["i"].definition,
              "CREATE UNIQUE INDEX i ON public.t USING btree (((a + 1)), id)");
    EXPECT_EQ(indexes["i"].statistics, (std::vector<std::pair<int, int>>{{1, 321}}));
    EXPECT_TRUE(indexes["i"].clustered);
    EXPECT_TRUE(indexes["r"].replica_identity);
}

TEST_F(CatalogTest, TellsEveryDefinitionAsTheServerDoes) {
    sql("create schema \"a.\"\"b\"; "
        "create table \"a.\"\"b\".\"T (1)\" (\"i d\" int, \"(\" bigint, c text, d text, "
        "  constraint \"P (k)\" primary key (\"(\", \"i d\"), "
        "  constraint u unique (\"i d\"), unique nulls not distinct (\"(\"), unique (c, \"i d\"), "
        "  unique (\"i d\") include (\"(\"), unique (\"(\") deferrable, "
        "  constraint filled unique (\"i d\", \"(\") with (fillfactor = 50)); "
        "create unique index on \"a.\"\"b\".\"T (1)\" (\"i d\" desc); "
        "create index on \"a.\"\"b\".\"T (1)\" using hash (\"i d\"); "
        "create index on \"a.\"\"b\".\"T (1)\" (c text_pattern_ops) where \"i d\" > 1; "
        "create unique index adopted on \"a.\"\"b\".\"T (1)\" (\"i d\"); "
        "alter table \"a.\"\"b\".\"T (1)\" add constraint adopted unique using index adopted");
    const auto indexes = table_named(source(), "T (1)").indexes;
    ASSERT_EQ(indexes.size(), 11U);
    for (const auto& index : indexes) {
        EXPECT_EQ(index.definition,
                  psql(database_, "select pg_get_indexdef(" + std::to_string(index.oid) + ")"));
    }
}

TEST_F(CatalogTest, TakesDigestsOfShapesOnlyForACapturedSource) {
    sql("create table t (id int primary key)");
    const auto chosen = select_relations(source(), {});
    const auto plan = read_catalog(source(), chosen, CatalogPart::plan).tables.at(0);
    const auto all = read_catalog(source(), chosen, CatalogPart::all).tables.at(0);
    EXPECT_EQ(plan.shape, TableShape());
    EXPECT_NE(shape_changes(plan.shape, all.shape), "");
    EXPECT_EQ(plan.indexes.size(), all.indexes.size());
    EXPECT_EQ(plan.heap_bytes, all.heap_bytes);
}

TEST_F(CatalogTest, ReadsRightsAndKeysAloneToJudgeAndWaitsForNoLock) {
    sql("create table t (id int primary key, other int unique references t)");
    const auto all = catalog_of(source());
    auto locker = test::connect(database_, interrupt_);
    const io::Transaction transaction(locker);
    locker.execute({"lock", "lock table public.t"});
    const auto chosen = select_relations(source(), {});
    source().execute({"no_patience", "set lock_timeout to '100ms'"});
    const auto rights = read_catalog(source(), chosen, CatalogPart::rights);
    ASSERT_EQ(rights.tables.size(), 1U);
    EXPECT_EQ(rights.tables[0].kind, all.tables[0].kind);
    EXPECT_EQ(rights.tables[0].apply_index, 0);
    const auto catalog = read_catalog(source(), chosen, CatalogPart::keys);
    ASSERT_EQ(catalog.tables.size(), 1U);
    EXPECT_EQ(catalog.tables[0].apply_index, all.tables[0].apply_index);
    EXPECT_NE(catalog.tables[0].apply_index, 0);
    EXPECT_EQ(catalog.tables[0].kind, all.tables[0].kind);
    EXPECT_TRUE(catalog.tables[0].indexes.empty());
    EXPECT_TRUE(catalog.foreign_keys.empty());
    EXPECT_EQ(all.tables[0].indexes.size(), 2U);
}

TEST_F(CatalogTest, ListsForeignKeysOnceForAPartitionedTable) {
    sql("create table o (id int primary key); "
        "create table p (id int constraint f references o) partition by range (id); "
        "create table l1 partition of p default; "
        "create table t (id int); alter table t add constraint \"F 2\" foreign key (id) "
        "references o not valid");
    const auto keys = catalog_of(source()).foreign_keys;
    ASSERT_EQ(keys.size(), 2U);
    EXPECT_EQ(keys[0].name, "f");
    EXPECT_TRUE(keys[0].on_partitioned);
    EXPECT_TRUE(keys[0].validated);
    EXPECT_EQ(std::to_string(keys[0].referenced_oid),
              test::psql(database_, "select 'o'::regclass::oid"));
    EXPECT_EQ(keys[1].name, "F 2");
    EXPECT_EQ(keys[1].table, "\"public\".\"t\"");
    EXPECT_FALSE(keys[1].validated);
    EXPECT_EQ(keys[1].definition, "FOREIGN KEY (id) REFERENCES public.o(id) NOT VALID");
}

TEST_F(CatalogTest, OrdersMaterializedViewsAfterWhatTheyRead) {
    // Names and ages run against the dependencies, one of which leads through a plain view.
    sql("create materialized view z as select 1 as x; create view y as select * from z; "
        "create materialized view b as select * from y; create materialized view a as select b.x "
        "from b, z; create materialized view unfilled as select 1 with no data");
    EXPECT_EQ(
        catalog_of(source()).materialized_views,
        (std::vector<std::string>{"\"public\".\"z\"", "\"public\".\"b\"", "\"public\".\"a\""}));
    sql("create or replace view y as select 1 as x; create materialized view c as select 1 as x; "
        "create or replace view y as select x from c");
    EXPECT_EQ(catalog_of(source()).materialized_views,
              (std::vector<std::string>{"\"public\".\"z\"", "\"public\".\"c\"", "\"public\".\"b\"",
                                        "\"public\".\"a\""}));
}

TEST_F(CatalogTest, ListsSequencesAndForeignTables) {
    sql("create sequence s; create table t (id serial); create extension postgres_fdw; "
        "create server far foreign data wrapper postgres_fdw; "
        "create foreign table \"F\" (id int) server far");
    const auto catalog = catalog_of(source());
    ASSERT_EQ(catalog.sequences.size(), 2U);
    EXPECT_EQ(catalog.sequences[0].name, "s");
    EXPECT_EQ(catalog.sequences[1].name, "t_id_seq");
    EXPECT_EQ(catalog.foreign_tables, (std::vector<std::string>{"\"public\".\"F\""}));
}

TEST_F(CatalogTest, TellsWhatItMayNotRead) {
    sql("do $$ begin create role limited login; exception when duplicate_object then null; end $$; "
        "create table secret (id int); create table open (id int); grant select on open to "
        "limited; "
        "create table hidden (id int); grant select on hidden to limited; "
        "alter table hidden enable row level security");
    const auto dbname = io::ConnInfo::parse(database_).get("dbname");
    auto limited = test::connect(test::shared_cluster().conninfo(dbname, "limited"), interrupt_);
    const auto catalog = catalog_of(limited);
    EXPECT_EQ(catalog.unreadable, (std::vector<std::string>{"public.secret"}));
    EXPECT_EQ(catalog.filtered, (std::vector<std::string>{"public.hidden"}));
}

TEST_F(CatalogTest, KnowsHowManyLocksFit) {
    const auto capacity = catalog_of(source()).lock_capacity;
    EXPECT_EQ(capacity, 64 * 60) << "the default times the test cluster's max_connections";
}

}  // namespace
}  // namespace pghaul::snapshot
