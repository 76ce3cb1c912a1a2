// Export while the application writes, import elsewhere, follow, cut over: a disk in a van.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/cmd/export_steps.hpp"
#include "tests/support/small_disk.hpp"

namespace pghaul::test {
namespace {

class LiveThroughFiles : public LiveTest {};

Arguments cutover_argv(const Pair& pair) {
    return {"cutover", "--source", pair.source, "--target", pair.target, "--progress", "none"};
}

TEST_P(LiveThroughFiles, BringsEveryChangeAndCutsOver) {
    const auto pair = live_pair(GetParam(), busy_tables());
    const ExportDir dir;
    Writers writers(pair.source, busy_writers());
    writers.await(1);
    ASSERT_TRUE(exited(export_to(dir, pair), 0));
    writers.await(2);
    const auto imported = import_from(dir, pair, {"--no-privileges"});
    ASSERT_TRUE(exited(imported, 0));
    writers.await(1);
    if (phase(pair) == "copied") {
        // A table was truncated while it was being read.
        ASSERT_TRUE(exited(run_live(pair, {"--no-privileges"}), 0));
    }
    EXPECT_TRUE(exited(follow(pair), 0));
    writers.await(1);
    EXPECT_TRUE(exited(pghaul(cutover_argv(pair)), 0));
    writers.stop();
    const auto both = as_superuser(pair);
    EXPECT_TRUE(equal(both));
    EXPECT_TRUE(exited(drop(pair), 0));
    EXPECT_EQ(traces(both.source), "");
    EXPECT_EQ(traces(both.target), "");
}

INSTANTIATE_TEST_SUITE_P(As, LiveThroughFiles, testing::Values(As::superuser, As::owner), as_name);

using LiveExport = HaulTest;

TEST_F(LiveExport, OfOneMomentIsDoneWithoutTheSource) {
    const auto pair = fresh_pair(
        "create table a (id int primary key, u int unique); insert into a select i, i from "
        "generate_series(1, 30000) i; create table b (a int references a); analyze;");
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair), 0));
    pair.source_sql("update a set u = -u; insert into b select 7; delete from a where id = 9;");
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_EQ(phase(pair), "done");
    EXPECT_EQ(pair.target_sql("select count(*), min(u) from a;"), "30000|1");
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_F(LiveExport, GoesOnInAnotherSnapshotAndIsMadeOneByTheChanges) {
    const auto pair = fresh_pair(
        "create table a (id int primary key, u int unique, pad text); insert into a select i, i, "
        "repeat('x', 300) from generate_series(1, 20000) i; analyze;");
    const ExportDir dir;
    const auto killed =
        export_to(dir, pair, {"-j", "1"}, {{"PGHAUL_FAILPOINTS", "export_after_seal=kill@3"}});
    ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
    EXPECT_TRUE(refused(import_from(dir, pair), 1, {"not finished"}));
    const auto before = std::filesystem::last_write_time(dir.file("0-0.rows"));
    // Rows at both ends change places in a unique column: two moments violate it.
    pair.source_sql(
        "update a set u = -u where id in (1, 20000); update a set u = 20001 - id "
        "where id in (1, 20000);");
    ASSERT_TRUE(exited(export_to(dir, pair), 0));
    EXPECT_EQ(std::filesystem::last_write_time(dir.file("0-0.rows")), before) << "exported again";
    const auto imported = import_from(dir, pair);
    ASSERT_TRUE(exited(imported, 0));
    EXPECT_TRUE(holds(imported.err, "pghaul run"));
    EXPECT_EQ(phase(pair), "copied");
    EXPECT_TRUE(refused(follow(pair), 3, {"not complete"}));
    ASSERT_TRUE(exited(run_live(pair), 0));
    EXPECT_TRUE(equal(pair, false));
    EXPECT_TRUE(exited(follow(pair), 0));
}

TEST_F(LiveExport, CanBeFollowedByOneTargetOnly) {
    const auto pair = fresh_pair("create table t (id int primary key);");
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair), 0));
    auto other = fresh_pair();
    other.source = pair.source;
    const Arguments job = {"--job", pair.name};
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    ASSERT_TRUE(exited(import_from(dir, other), 0));
    pair.source_sql("insert into t values (1);");
    EXPECT_TRUE(exited(follow(pair), 0));
    auto argv = follow_argv(other, job);
    argv.insert(argv.end(), {"--until-current"});
    EXPECT_TRUE(refused(run_process(argv), 3, {"go to another target"}));
    EXPECT_EQ(pair.target_sql("select count(*) from t;"), "1");
    EXPECT_EQ(other.target_sql("select count(*) from t;"), "0");
}

TEST_F(LiveExport, BeginsAnewWithoutCaptureAndSaysSo) {
    const auto pair = fresh_pair(gated_table());
    const ExportDir dir;
    const Arguments arguments = {"--no-capture", "-j", "1"};
    const Environment kill = {{"PGHAUL_FAILPOINTS", "export_after_seal=kill@2"}};
    ASSERT_EQ(export_to(dir, pair, arguments, kill).signal, SIGKILL);
    pair.source_sql("update gated set pad = 'new';");
    const auto again = export_to(dir, pair, arguments);
    ASSERT_TRUE(exited(again, 0));
    EXPECT_TRUE(holds(again.err, "--source-is-quiet"));
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(LiveExport, KeepsWhatStandsWhereTheSourceIsQuiet) {
    const auto pair = fresh_pair(gated_table());
    const ExportDir dir;
    const Environment kill = {{"PGHAUL_FAILPOINTS", "export_after_seal=kill@2"}};
    ASSERT_EQ(export_to(dir, pair, {"--no-capture", "-j", "1"}, kill).signal, SIGKILL);
    const auto before = std::filesystem::last_write_time(dir.file("0-0.rows"));
    // A small file is not synced by itself, so it is read before it is believed.
    dir.damage("0-1.rows", 500);
    const auto again = export_to(dir, pair, {"--no-capture", "--source-is-quiet"});
    ASSERT_TRUE(exited(again, 0));
    EXPECT_TRUE(holds(again.err, "0-1.rows is written anew"));
    EXPECT_EQ(std::filesystem::last_write_time(dir.file("0-0.rows")), before);
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(LiveExport, GoesOnWhenAFullDiskHasRoomAgain) {
    const SmallDisk disk("8m");
    if (!disk.mounted()) GTEST_SKIP() << disk.why_not();
    const auto pair = fresh_pair(
        "create table t (id int primary key, pad text); insert into t select i, (select "
        "string_agg(md5(i::text || j), '') from generate_series(1, 10) j) from "
        "generate_series(1, 40000) i; analyze;");
    const std::string folder = disk.folder() + "/export";
    const Arguments command = {"export",     folder, "--source",     pair.source,
                               "--progress", "none", "--chunk-size", "1MB"};
    EXPECT_TRUE(refused(pghaul(command), 1, {"No space left"}));
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        EXPECT_FALSE(entry.path().string().ends_with(".part")) << entry.path();
    }
    disk.grow("64m");
    ASSERT_TRUE(exited(pghaul(command), 0));
    const Arguments import = {"import", folder, "--target", pair.target, "--progress", "none"};
    ASSERT_TRUE(exited(pghaul(import), 0));
    ASSERT_TRUE(exited(run_live(pair), 0));
    EXPECT_TRUE(equal(pair));
}

}  // namespace
}  // namespace pghaul::test
