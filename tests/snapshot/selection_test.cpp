// Which tables -n -N -t -T choose, measured by what pg_dump would do.
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

class SelectionTest : public test::SourceTest {
  protected:
    void SetUp() override {
        SourceTest::SetUp();
        if (IsSkipped()) return;
        sql("create schema shop; create schema \"Shop\"; create schema log; "
            "create table orders (id serial primary key); create table shop.orders (id int); "
            "create table \"Shop\".\"Order.Items\" (id int); create table log.events (id int); "
            "create table log.events_2024 (id int); create view shop.v as select 1; "
            "create materialized view log.m as select 1; create temp table temporary (id int)");
    }
    /// The chosen relations' names, sorted.
    std::string chosen(const Selection& selection) {
        const auto oids = select_relations(source(), selection);
        return source().query_value(
            {"names",
             "select coalesce(pg_catalog.string_agg(oid::pg_catalog.regclass::"
             "pg_catalog.text, ' ' order by oid::pg_catalog.regclass::pg_catalog.text "
             "collate \"C\"), '') from pg_catalog.pg_class where oid = any($1::"
             "pg_catalog.oid[])"},
            {oid_array(oids)});
    }
};

TEST_F(SelectionTest, TakesEverythingOfTheUserByDefault) {
    EXPECT_EQ(chosen({}),
              "\"Shop\".\"Order.Items\" log.events log.events_2024 log.m public.orders "
              "public.orders_id_seq shop.orders shop.v");
}

TEST_F(SelectionTest, TakesOnlyVisibleTablesForANameWithoutSchema) {
    // shop.orders is not in the search_path; the serial's sequence goes with its table.
    EXPECT_EQ(
        chosen({.schemas = {}, .exclude_schemas = {}, .tables = {"orders"}, .exclude_tables = {}}),
        "public.orders public.orders_id_seq");
}

TEST_F(SelectionTest, FollowsTheDatabasesOwnSearchPath) {
    sql("do $$ begin execute format('alter database %I set search_path to shop', "
        "current_database()); end $$");
    connection_.emplace(test::connect(database_, interrupt_));
    EXPECT_EQ(
        chosen({.schemas = {}, .exclude_schemas = {}, .tables = {"orders"}, .exclude_tables = {}}),
        "shop.orders");
    EXPECT_EQ(source().query_value({"path", "select pg_catalog.current_setting('search_path')"}),
              "\"\"")
        << "all other statements need an empty one";
}

TEST_F(SelectionTest, MatchesQualifiedAndQuotedPatterns) {
    EXPECT_EQ(
        chosen(
            {.schemas = {}, .exclude_schemas = {}, .tables = {"*.orders"}, .exclude_tables = {}}),
        "public.orders public.orders_id_seq shop.orders");
    EXPECT_EQ(chosen({.schemas = {},
                      .exclude_schemas = {},
                      .tables = {"\"Shop\".\"Order.Items\"", "log.events*"},
                      .exclude_tables = {}}),
              "\"Shop\".\"Order.Items\" log.events log.events_2024");
}

TEST_F(SelectionTest, ChoosesAndLeavesOutSchemas) {
    EXPECT_EQ(chosen({.schemas = {"shop", "log"},
                      .exclude_schemas = {},
                      .tables = {},
                      .exclude_tables = {}}),
              "log.events log.events_2024 log.m shop.orders shop.v");
    EXPECT_EQ(
        chosen(
            {.schemas = {}, .exclude_schemas = {"s*", "log"}, .tables = {}, .exclude_tables = {}}),
        "\"Shop\".\"Order.Items\" public.orders public.orders_id_seq")
        << "unquoted patterns are folded, so the other Shop stays";
}

TEST_F(SelectionTest, LetsTableChoicesOverruleSchemas) {
    EXPECT_EQ(chosen({.schemas = {"shop"},
                      .exclude_schemas = {"log"},
                      .tables = {"log.events"},
                      .exclude_tables = {}}),
              "log.events");
    EXPECT_EQ(chosen({.schemas = {},
                      .exclude_schemas = {},
                      .tables = {"log.*", "orders"},
                      .exclude_tables = {"*.events_*", "orders"}}),
              "log.events log.m");
}

TEST_F(SelectionTest, NamesThePatternThatMatchesNothing) {
    for (const Selection& selection :
         {Selection{{"nix*"}, {}, {}, {}}, Selection{{}, {}, {"nix*"}, {}}}) {
        const auto error = test::error_of([&] { select_relations(source(), selection); });
        EXPECT_EQ(error.exit_code(), io::ExitCode::usage);
        EXPECT_NE(error.report().find("nix*"), std::string::npos) << error.report();
    }
    EXPECT_NO_THROW(select_relations(source(), {{}, {"nix"}, {}, {"nix"}}));
}

TEST_F(SelectionTest, RefusesADotInASchemasName) {
    const auto error = test::error_of([&] { select_relations(source(), {{"a.b"}, {}, {}, {}}); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::usage);
}

TEST_F(SelectionTest, LeavesExtensionMembersToTheirExtension) {
    sql("create table plain (id int); create table member (id int); create table config (id int); "
        "do $$ begin create extension if not exists plpgsql; end $$; "
        "alter extension plpgsql add table member; alter extension plpgsql add table config; "
        "update pg_extension set extconfig = array['config'::regclass]::oid[], "
        "extcondition = array['where id > 1'] where extname = 'plpgsql'");
    const auto names =
        chosen({.schemas = {"public"}, .exclude_schemas = {}, .tables = {}, .exclude_tables = {}});
    EXPECT_EQ(names, "public.config public.orders public.orders_id_seq public.plain");
}

}  // namespace
}  // namespace pghaul::snapshot
