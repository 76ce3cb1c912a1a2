// The plan in the journal: what is written must come back the same, whatever names and keys hold.
#include <gtest/gtest.h>

#include "snapshot/plan.hpp"

namespace pghaul::snapshot {
namespace {

// Quotes, backslash, newline, tab, a control character, a 4-byte character, JSON's own syntax.
const std::string kNasty = "a\"b\\c\nd\te\x01 \xF0\x9F\x90\x98 {\"x\": [null]}'; drop";

IndexInfo full_index() {
    IndexInfo index;
    index.oid = 4294967295U;
    index.name = kNasty + "i";
    index.definition = kNasty + "d";
    index.bytes = std::int64_t{1} << 60;
    index.tablespace = kNasty + "s";
    index.constraint_oid = 4294967294U;
    index.constraint_name = kNasty + "n";
    index.constraint_kind = "x";
    index.constraint_definition = kNasty + "c";
    index.deferrable = true;
    index.deferred = true;
    index.clustered = true;
    index.replica_identity = true;
    index.statistics = {{1, 100}, {3, 0}};
    return index;
}

TablePlan full_table() {
    TablePlan table;
    table.number = 7;
    table.method = Method::key_ranges;
    table.format = Format::text;
    table.freeze = true;
    auto& info = table.info;
    info.oid = 4000000000U;
    info.schema = kNasty + "S";
    info.name = kNasty + "N";
    info.kind = TableKind::extension_config;
    info.columns = {{kNasty, true, false}, {"", false, true}};
    info.key = {{kNasty, "\"t\"", "\"o\""}, {"b", "pg_catalog.text", "\"pg_catalog\""}};
    info.key_is_complete = true;
    info.apply_key = {{kNasty, "operator(\"o\".=)", true, false},
                      {"b", "operator(pg_catalog.=)", false, true}};
    info.apply_index = 4294967293U;
    info.shape = {kNasty + "p", "c", "i", kNasty + "o", "t"};
    info.subscribed = true;
    info.heap_bytes = (std::int64_t{1} << 53) + 1;  // one that a double cannot hold
    info.toast_bytes = 2;
    info.index_bytes = 3;
    info.row_estimate = 1.25e12;
    info.pages = 4;
    info.filenode = 5;
    info.config_condition = "WHERE " + kNasty;
    info.root_schema = "rs";
    info.root_name = "rn";
    info.indexes = {full_index(), IndexInfo{}};
    table.chunks = {{0, {std::nullopt, Key{"-1", kNasty}}, 10},
                    {1, {Key{"-1", kNasty}, Key{"", ""}}, 11},
                    {2, {Key{"", ""}, std::nullopt}, 12}};
    return table;
}

void expect_same(const IndexInfo& a, const IndexInfo& b) {
    EXPECT_EQ(a.oid, b.oid);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.definition, b.definition);
    EXPECT_EQ(a.bytes, b.bytes);
    EXPECT_EQ(a.tablespace, b.tablespace);
    EXPECT_EQ(a.constraint_oid, b.constraint_oid);
    EXPECT_EQ(a.constraint_name, b.constraint_name);
    EXPECT_EQ(a.constraint_kind, b.constraint_kind);
    EXPECT_EQ(a.constraint_definition, b.constraint_definition);
    EXPECT_EQ(a.deferrable, b.deferrable);
    EXPECT_EQ(a.deferred, b.deferred);
    EXPECT_EQ(a.clustered, b.clustered);
    EXPECT_EQ(a.replica_identity, b.replica_identity);
    EXPECT_EQ(a.statistics, b.statistics);
}

void expect_same(const TableInfo& a, const TableInfo& b) {
    EXPECT_EQ(a.oid, b.oid);
    EXPECT_EQ(a.schema, b.schema);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.kind, b.kind);
    ASSERT_EQ(a.columns.size(), b.columns.size());
    for (std::size_t i = 0; i < a.columns.size(); ++i) {
        EXPECT_EQ(a.columns[i].name, b.columns[i].name);
        EXPECT_EQ(a.columns[i].binary_safe, b.columns[i].binary_safe);
        EXPECT_EQ(a.columns[i].variable_size, b.columns[i].variable_size);
    }
    EXPECT_EQ(a.key, b.key);
    EXPECT_EQ(a.key_is_complete, b.key_is_complete);
    EXPECT_EQ(a.apply_key, b.apply_key);
    EXPECT_EQ(a.apply_index, b.apply_index);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_EQ(a.subscribed, b.subscribed);
    EXPECT_EQ(a.heap_bytes, b.heap_bytes);
    EXPECT_EQ(a.toast_bytes, b.toast_bytes);
    EXPECT_EQ(a.index_bytes, b.index_bytes);
    EXPECT_EQ(a.row_estimate, b.row_estimate);
    EXPECT_EQ(a.pages, b.pages);
    EXPECT_EQ(a.filenode, b.filenode);
    EXPECT_EQ(a.config_condition, b.config_condition);
    EXPECT_EQ(a.root_schema, b.root_schema);
    EXPECT_EQ(a.root_name, b.root_name);
    ASSERT_EQ(a.indexes.size(), b.indexes.size());
    for (std::size_t i = 0; i < a.indexes.size(); ++i) expect_same(a.indexes[i], b.indexes[i]);
}

TEST(TablePlanAsJson, ComesBackWithEveryField) {
    const auto written = full_table();
    const auto read = table_plan_from_json(to_json(written));
    EXPECT_EQ(read.number, written.number);
    EXPECT_EQ(read.method, written.method);
    EXPECT_EQ(read.format, written.format);
    EXPECT_EQ(read.freeze, written.freeze);
    expect_same(read.info, written.info);
    ASSERT_EQ(read.chunks.size(), written.chunks.size());
    for (std::size_t i = 0; i < read.chunks.size(); ++i) {
        EXPECT_EQ(read.chunks[i].number, written.chunks[i].number);
        EXPECT_EQ(read.chunks[i].range.lo, written.chunks[i].range.lo) << i;
        EXPECT_EQ(read.chunks[i].range.hi, written.chunks[i].range.hi) << i;
        EXPECT_EQ(read.chunks[i].bytes, written.chunks[i].bytes);
    }
}

TEST(TablePlanAsJson, ComesBackWhenItIsEmpty) {
    const auto read = table_plan_from_json(to_json(TablePlan{}));
    expect_same(read.info, TableInfo{});
    EXPECT_TRUE(read.chunks.empty());
    EXPECT_EQ(read.info.row_estimate, -1);
}

TEST(TablePlanAsJson, KeepsKeysThatAreNoUtf8) {
    // As SQL_ASCII servers hold them. A bound that came back changed would lose rows or take some
    // twice when a run goes on.
    TablePlan table;
    for (const std::string text : {"\xFF\xFE", "caf\xE9", "\xC3", "plain", "{\"hex\": \"00\"}"}) {
        table.chunks.push_back(
            {static_cast<int>(table.chunks.size()), {Key{text, "x"}, Key{text}}, 0});
    }
    const auto read = table_plan_from_json(to_json(table));
    for (std::size_t i = 0; i < table.chunks.size(); ++i) {
        EXPECT_EQ(read.chunks[i].range.lo, table.chunks[i].range.lo) << i;
        EXPECT_EQ(read.chunks[i].range.hi, table.chunks[i].range.hi) << i;
    }
}

TEST(TablePlanAsJson, IsTheSameTextEachTime) {
    const auto text = to_json(full_table());
    EXPECT_EQ(to_json(table_plan_from_json(text)), text);
}

TEST(PlanAsJson, ComesBackWithEveryField) {
    Plan plan;
    plan.tables.push_back(full_table());
    plan.foreign_keys = {
        {4294967295U, kNasty, kNasty + "t", kNasty + "d", kNasty + "f", false, true, 4294967293U},
        {1, "n", "t", "d", "f", true, false}};
    plan.sequences = {{kNasty, "s"}, {"s", kNasty}};
    plan.large_objects = {{3, 16384, 4294967295U, 1000}};
    plan.materialized_views = {kNasty, "b"};
    plan.partition_roots = {kNasty + "r"};
    plan.capture = true;
    plan.selection = {{kNasty, "s"}, {"x"}, {kNasty + "t"}, {"y", kNasty}};
    plan.lock_all_tables = false;
    plan.encoding = "EUC_JP";

    const auto text = to_json_without_tables(plan);
    const auto read = plan_from_json_without_tables(text);
    EXPECT_TRUE(read.tables.empty());
    ASSERT_EQ(read.foreign_keys.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        const auto& a = read.foreign_keys[i];
        const auto& b = plan.foreign_keys[i];
        EXPECT_EQ(a.oid, b.oid);
        EXPECT_EQ(a.name, b.name);
        EXPECT_EQ(a.table, b.table);
        EXPECT_EQ(a.table_display, b.table_display);
        EXPECT_EQ(a.definition, b.definition);
        EXPECT_EQ(a.validated, b.validated);
        EXPECT_EQ(a.on_partitioned, b.on_partitioned);
        EXPECT_EQ(a.referenced_oid, b.referenced_oid);
    }
    ASSERT_EQ(read.sequences.size(), 2U);
    EXPECT_EQ(read.sequences[0].schema, kNasty);
    EXPECT_EQ(read.sequences[1].name, kNasty);
    ASSERT_EQ(read.large_objects.size(), 1U);
    EXPECT_EQ(read.large_objects[0].number, 3);
    EXPECT_EQ(read.large_objects[0].first, 16384U);
    EXPECT_EQ(read.large_objects[0].last, 4294967295U);
    EXPECT_EQ(read.large_objects[0].objects, 1000);
    EXPECT_EQ(read.materialized_views, plan.materialized_views);
    EXPECT_EQ(read.partition_roots, plan.partition_roots);
    EXPECT_EQ(read.capture, true);
    EXPECT_EQ(read.selection.schemas, plan.selection.schemas);
    EXPECT_EQ(read.selection.exclude_schemas, plan.selection.exclude_schemas);
    EXPECT_EQ(read.selection.tables, plan.selection.tables);
    EXPECT_EQ(read.selection.exclude_tables, plan.selection.exclude_tables);
    EXPECT_EQ(read.lock_all_tables, false);
    EXPECT_EQ(read.encoding, "EUC_JP");
    EXPECT_EQ(to_json_without_tables(read), text);
}

TEST(Plan, AddsUpItsChunksAndBytes) {
    Plan plan;
    plan.tables = {full_table(), full_table()};
    plan.large_objects.resize(5);
    EXPECT_EQ(plan.total_chunks(), 3 + 3 + 5);
    EXPECT_EQ(plan.total_bytes(), 2 * ((std::int64_t{1} << 53) + 1 + 2));
}

TEST(TablePlan, CutsByTheKeyOfItsMethod) {
    auto table = full_table();
    EXPECT_EQ(table.chunk_key(), table.info.key);
    table.method = Method::ctid_ranges;
    EXPECT_EQ(table.chunk_key(), ctid_key());
    table.method = Method::whole;
    EXPECT_TRUE(table.chunk_key().empty());
}

}  // namespace
}  // namespace pghaul::snapshot
