// The two COPY statements of a chunk, as text.
#include <gtest/gtest.h>

#include "loader/copy_chunk.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Chunk;
using snapshot::Format;
using snapshot::Key;
using snapshot::Method;
using snapshot::TablePlan;

TablePlan table(const std::vector<std::string>& columns) {
    TablePlan plan;
    plan.info.schema = "my schema";
    plan.info.name = "t\"1";
    for (const auto& name : columns) plan.info.columns.push_back({name, true, false});
    plan.chunks = {Chunk{}};
    return plan;
}

TEST(CopySql, ReadsAWholeTableByName) {
    const auto plan = table({"id", "b c"});
    EXPECT_EQ(copy_out_sql(plan, plan.chunks[0]),
              R"(copy "my schema"."t""1" ("id", "b c") to stdout (format binary))");
    EXPECT_EQ(copy_in_sql(plan),
              R"(copy "my schema"."t""1" ("id", "b c") from stdin (format binary))");
}

TEST(CopySql, ReadsARangeOfKeysOfThatTableOnly) {
    auto plan = table({"id"});
    plan.method = Method::key_ranges;
    plan.format = Format::text;
    plan.info.key = {{"id", "pg_catalog.int8", "\"pg_catalog\""}};
    const Chunk chunk{1, {Key{"-5"}, std::nullopt}, 0};
    EXPECT_EQ(copy_out_sql(plan, chunk),
              R"(copy (select "id" from only "my schema"."t""1" where "id" )"
              R"(operator("pg_catalog".>=) '-5'::pg_catalog.int8) to stdout (format text))");
    EXPECT_EQ(copy_in_sql(plan), R"(copy "my schema"."t""1" ("id") from stdin (format text))");
}

TEST(CopySql, ReadsARangeOfRowAddresses) {
    auto plan = table({"id"});
    plan.method = Method::ctid_ranges;
    const Chunk chunk{0, {std::nullopt, Key{"(7,0)"}}, 0};
    EXPECT_NE(copy_out_sql(plan, chunk)
                  .find("where ctid operator(pg_catalog.<) '(7,0)'::pg_catalog.tid) to stdout"),
              std::string::npos);
}

TEST(CopySql, NamesNoColumnsWhereATableHasNone) {
    auto plan = table({});
    EXPECT_EQ(copy_out_sql(plan, plan.chunks[0]),
              R"(copy "my schema"."t""1" to stdout (format binary))");
    EXPECT_EQ(copy_in_sql(plan), R"(copy "my schema"."t""1" from stdin (format binary))");
    plan.method = Method::ctid_ranges;
    EXPECT_EQ(copy_out_sql(plan, {0, {Key{"(1,0)"}, std::nullopt}, 0}),
              R"(copy (select  from only "my schema"."t""1" where ctid )"
              R"(operator(pg_catalog.>=) '(1,0)'::pg_catalog.tid) to stdout (format binary))");
}

TEST(CopySql, FollowsTheConditionOfAnExtensionsConfiguration) {
    auto plan = table({"id"});
    plan.info.config_condition = "WHERE NOT standard";
    EXPECT_EQ(copy_out_sql(plan, plan.chunks[0]),
              R"(copy (select "id" from only "my schema"."t""1" WHERE NOT standard) )"
              "to stdout (format binary)");
}

TEST(CopySql, TruncatesInTheSameMessageWhereRowsAreFrozen) {
    auto plan = table({"id"});
    plan.freeze = true;
    EXPECT_EQ(copy_in_sql(plan),
              R"(truncate only "my schema"."t""1"; copy "my schema"."t""1" ("id") )"
              "from stdin (format binary, freeze true)");
}

}  // namespace
}  // namespace pghaul::loader
