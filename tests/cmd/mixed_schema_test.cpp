// Whole runs over a schema written to hold one of everything.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {
namespace {

using WholeRun = HaulTest;

std::string mixed_schema() {
    std::ifstream file(PGHAUL_SOURCE_DIR "/tests/cmd/mixed_schema.sql");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void make_roles() { on_both_servers(R"sql(create role "Odd ""Owner"; create role reader;)sql"); }

TEST_F(WholeRun, CarriesEveryKindOfObjectAndEveryOddName) {
    make_roles();
    const auto pair = fresh_pair(mixed_schema());
    ASSERT_TRUE(exited(run(pair), 0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(phase(pair), "done");
    // The dump says nothing about rights and owners of large objects' data, nor of valid indexes.
    const std::string rights =
        "select oid, pg_get_userbyid(lomowner), lomacl from pg_largeobject_metadata order by oid;";
    EXPECT_EQ(pair.target_sql(rights), pair.source_sql(rights));
    EXPECT_EQ(pair.target_sql("select indexrelid::regclass from pg_index where not indisvalid;"),
              pair.source_sql("select indexrelid::regclass from pg_index where not indisvalid;"));
    // Ready means: the planner knows every table with rows, partitioned ones too.
    EXPECT_EQ(pair.target_sql("select c.oid::regclass from pg_class c where relkind in ('r', 'p') "
                              "and relnamespace = 'public'::regnamespace and reltuples < 0;"),
              "");
}

TEST_F(WholeRun, FillsStatisticsObjectsOfPlainTablesLeavesAndPartitionedOnes) {
    const auto pair = fresh_pair(R"sql(
        create table plain as select i % 10 as a, i % 20 as b from generate_series(1, 1000) i;
        create statistics of_plain (ndistinct) on a, b from plain;
        create table "Root" (a int, b int) partition by range (a);
        create table leaf partition of "Root" for values from (0) to (10);
        create table other partition of "Root" for values from (10) to (20);
        insert into "Root" select i % 20, i % 40 from generate_series(1, 1000) i;
        create statistics of_leaf (ndistinct) on a, b from leaf;
        create table "Second" (a int, b int) partition by range (a);
        create table second_leaf partition of "Second" default;
        insert into "Second" select i % 20, i % 40 from generate_series(1, 1000) i;
        create statistics of_second (ndistinct) on a, b from "Second";
        analyze;)sql");
    ASSERT_TRUE(exited(run(pair), 0));
    const std::string filled =
        "select s.stxname, count(*) from pg_statistic_ext s join pg_statistic_ext_data d on "
        "d.stxoid = s.oid where d.stxdndistinct is not null group by 1 order by 1;";
    EXPECT_EQ(pair.target_sql(filled), pair.source_sql(filled));
    EXPECT_EQ(
        pair.target_sql("select count(*) from (" + filled.substr(0, filled.size() - 1) + ") as f;"),
        "3");
}

TEST_F(WholeRun, SaysDoneAlreadyThenDropsOnceAndFindsNothingTheSecondTime) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    ASSERT_TRUE(exited(run(pair), 0));
    const auto again = run(pair);
    EXPECT_TRUE(exited(again, 0));
    EXPECT_TRUE(holds(again.out, "was done already"));
    const auto first = drop(pair);
    EXPECT_TRUE(exited(first, 0));
    EXPECT_TRUE(holds(first.out, "removed the journal"));
    EXPECT_EQ(pair.target_sql("select count(*) from pg_namespace where nspname = 'pghaul';"), "0");
    const auto second = drop(pair);
    EXPECT_TRUE(exited(second, 0));
    EXPECT_TRUE(holds(second.out, "nothing"));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.source_sql("select count(*) from pg_namespace where nspname = 'pghaul';"), "0");
}

TEST_F(WholeRun, CarriesAnEmptyDatabase) {
    const auto pair = fresh_pair();
    ASSERT_TRUE(exited(run(pair), 0));
    EXPECT_EQ(phase(pair), "done");
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(WholeRun, NamesAnOrphanWithItsConstraintAndDoesEverythingElse) {
    const auto pair = fresh_pair(R"sql(
        create table mother (id int primary key);
        create table "Chi.ld" (id int primary key, mother int,
            constraint "to ""mother" foreign key (mother) references mother);
        create table parted (id int primary key, mother int) partition by range (id);
        create table part_1 partition of parted for values from (1) to (100);
        alter table parted add constraint parted_mother foreign key (mother) references mother;
        insert into mother values (1);
        create materialized view later as select count(*) from mother;
        create table sound (id int references mother);
        insert into sound values (1);
        set session_replication_role = replica;
        insert into "Chi.ld" values (1, 1), (2, 77);
        insert into parted values (1, 78);)sql");
    const auto result = run(pair);
    EXPECT_TRUE(exited(result, 1));
    EXPECT_TRUE(holds(result.out, "to \"mother"));
    EXPECT_TRUE(holds(result.out, "parted_mother"));
    EXPECT_EQ(phase(pair), "done");
    EXPECT_TRUE(equal(pair));
    EXPECT_EQ(pair.target_sql("select conname, convalidated from pg_constraint where contype = 'f' "
                              "and connamespace = 'public'::regnamespace order by 1;"),
              "sound_id_fkey|t\nto \"mother|f");
    const auto status = pghaul({"status", "--json", "--target", pair.target});
    ASSERT_TRUE(exited(status, 0));
    EXPECT_EQ(nlohmann::json::parse(status.out).at("problems").size(), 2U);
}

TEST_F(WholeRun, StopsAfterTheRowsWhenAskedToAndGoesOnWithTheIndexes) {
    const auto pair = fresh_pair(gated_table() +
                                 "create index on gated (pad);"
                                 "create table child (g int references gated);");
    ASSERT_TRUE(exited(run(pair, {"--until", "copied", "--chunk-size=1MB"}), 0));
    EXPECT_EQ(phase(pair), "copied");
    EXPECT_EQ(pair.target_sql("select count(*) from pg_index where indrelid = 'gated'::regclass;"),
              "0");
    ASSERT_TRUE(exited(run(pair, {"--chunk-size=1MB"}), 0));
    EXPECT_EQ(phase(pair), "done");
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(WholeRun, CarriesRowsInTextAndWithoutFreezeToo) {
    make_roles();
    const auto pair = fresh_pair(mixed_schema());
    ASSERT_TRUE(exited(run(pair, {"--format", "text", "--freeze", "never", "-j", "1"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(WholeRun, CompressesLargeValuesAsAsked) {
    const auto pair = fresh_pair(
        "create table t (id int primary key, v text);"
        "insert into t select i, repeat(md5(i::text), 1000) from generate_series(1, 50) i;");
    const auto compression = "select string_agg(distinct pg_column_compression(v), ',') from t;";
    EXPECT_EQ(pair.source_sql(compression), "pglz");
    EXPECT_TRUE(exited(run(pair, {"--toast-compression", "lz4"}), 0));
    EXPECT_EQ(pair.target_sql(compression), "lz4");
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(WholeRun, LeavesOwnersAndRightsOutWhenAskedTo) {
    make_roles();
    const auto pair = fresh_pair(mixed_schema());
    ASSERT_TRUE(exited(run(pair, {"--no-owner", "--no-privileges"}), 0));
    EXPECT_EQ(compare_databases(pair.source, pair.target, {}), "");
    EXPECT_EQ(pair.target_sql("select distinct pg_get_userbyid(relowner) from pg_class;"),
              "postgres");
    EXPECT_EQ(pair.target_sql("select relacl from pg_class where relname = 'made';"), "");
    EXPECT_EQ(pair.target_sql("select pg_get_userbyid(lomowner), lomacl "
                              "from pg_largeobject_metadata where oid in (70001, 70002);"),
              "postgres|\npostgres|");
}

}  // namespace
}  // namespace pghaul::test
