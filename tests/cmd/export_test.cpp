// A database moved through files: export here, import there, and what stands in between.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/durable_file.hpp"
#include "tests/cmd/export_steps.hpp"

namespace pghaul::test {
namespace {

namespace fs = std::filesystem;

using ThroughFiles = HaulTest;

std::string mixed_schema() {
    std::ifstream file(PGHAUL_SOURCE_DIR "/tests/cmd/mixed_schema.sql");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST_F(ThroughFiles, CarriesEveryKindOfObjectAndEveryOddName) {
    on_both_servers(R"sql(create role "Odd ""Owner"; create role reader;)sql");
    const auto pair = fresh_pair(mixed_schema());
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture"}), 0));
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(phase(pair), "done");
    const std::string rights =
        "select oid, pg_get_userbyid(lomowner), lomacl, obj_description(oid, 'pg_largeobject') "
        "from pg_largeobject_metadata order by oid;";
    EXPECT_EQ(pair.target_sql(rights), pair.source_sql(rights));
    EXPECT_EQ(pair.target_sql("select distinct proof from pghaul.table_plan;"), "read back");
    EXPECT_EQ(traces(pair.source), "");
    const auto again = import_from(dir, pair);
    EXPECT_TRUE(exited(again, 0));
    EXPECT_TRUE(holds(again.out, "done already"));
}

TEST_F(ThroughFiles, LeavesOwnersAndRightsOutWhenAskedTo) {
    on_both_servers(R"sql(create role "Odd ""Owner"; create role reader;)sql");
    const auto pair = fresh_pair(mixed_schema());
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture"}), 0));
    ASSERT_TRUE(exited(import_from(dir, pair, {"--no-owner", "--no-privileges"}), 0));
    EXPECT_TRUE(equal(pair));
    EXPECT_EQ(pair.target_sql("select distinct pg_get_userbyid(lomowner), lomacl "
                              "from pg_largeobject_metadata;"),
              "postgres|");
}

TEST_F(ThroughFiles, AreNobodyElsesBusiness) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture"}), 0));
    struct stat about {};
    ASSERT_EQ(::stat(dir.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0700U);
    EXPECT_EQ(dir.files(), (std::vector<std::string>{"0-0.rows", "job.json", "manifest.json",
                                                     "plan.json", "schema.dump"}));
    for (const auto& name : dir.files()) {
        ASSERT_EQ(::stat(dir.file(name).c_str(), &about), 0);
        EXPECT_EQ(about.st_mode & 0777U, 0600U) << name;
    }
}

TEST_F(ThroughFiles, HoldAnEmptyDatabaseToo) {
    const auto pair = fresh_pair();
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture"}), 0));
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(ThroughFiles, HoldOnlyWhatWasChosen) {
    const auto pair = fresh_pair(
        "create schema a; create table a.x as select generate_series(1, 10) as i;"
        "create table public.y as select 1 as i; select lo_from_bytea(9000, 'x');");
    pair.target_sql("create table public.y (i int);");
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture", "-n", "a"}), 0));
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_EQ(pair.target_sql("select count(*), (select count(*) from y) from a.x;"), "10|0");
    EXPECT_EQ(pair.target_sql("select count(*) from pg_largeobject_metadata;"), "0");
}

TEST_F(ThroughFiles, AreDoneOnceAndSayWhatTheyHold) {
    const auto pair = fresh_pair(gated_table(9000));
    const ExportDir dir;
    const auto first = export_to(dir, pair, {"--no-capture", "--json"});
    ASSERT_TRUE(exited(first, 0));
    const auto result = nlohmann::json::parse(first.out);
    EXPECT_EQ(result.at("rows"), 9000);
    EXPECT_EQ(result.at("tables"), 1);
    EXPECT_GT(result.at("bytes"), result.at("file_bytes"));
    EXPECT_EQ(result.at("one_moment"), true);
    const auto second = export_to(dir, pair, {"--no-capture"});
    EXPECT_TRUE(exited(second, 0));
    EXPECT_TRUE(holds(second.out, "exported already"));
    const auto other = fresh_pair("create table t (a int);");
    EXPECT_TRUE(refused(export_to(dir, other, {"--no-capture"}), 3, {"another source"}));
    EXPECT_TRUE(refused(export_to(dir, pair), 3, {"without capture"}));
    EXPECT_TRUE(
        refused(export_to(dir, pair, {"--no-capture", "-t", "gated"}), 3, {"other choices"}));
}

TEST_F(ThroughFiles, AreNotMixedWithOthers) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const ExportDir dir;
    fs::create_directory(dir.path());
    std::ofstream(dir.file("letter.txt")) << "dear all";
    EXPECT_TRUE(refused(export_to(dir, pair, {"--no-capture"}), 3, {"not empty", "letter.txt"}));
    EXPECT_TRUE(refused(import_from(dir, pair), 1, {"holds no export"}));
    EXPECT_EQ(dir.files(), std::vector<std::string>{"letter.txt"});
    EXPECT_EQ(traces(pair.target), "");
}

TEST_F(ThroughFiles, GoIntoAnEmptyTargetOnly) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture"}), 0));
    pair.target_sql("create table mine (a int);");
    EXPECT_TRUE(refused(import_from(dir, pair), 3, {"not empty", "mine"}));
    pair.target_sql("drop table mine;");
    const ExportDir other;
    ASSERT_TRUE(exited(export_to(other, pair, {"--no-capture"}), 0));
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_TRUE(refused(import_from(other, pair), 3, {"not of this export"}));
    EXPECT_TRUE(refused(import_from(dir, pair, {"--no-owner"}), 3, {"other choices"}));
}

TEST_F(ThroughFiles, OfANewerFormatAreRefused) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture"}), 0));
    std::ifstream in(dir.file("manifest.json"));
    auto manifest = nlohmann::json::parse(in);
    manifest.at("content").at("format") = 99;
    manifest.at("checksum") = io::checksum_text(manifest.at("content").dump());
    std::ofstream(dir.file("manifest.json")) << manifest.dump();
    EXPECT_TRUE(refused(import_from(dir, pair), 3, {"manifest.json", "format 99"}));
}

/// An export of some chunks, and what a target must look like after a refusal.
class Damaged : public HaulTest {
  protected:
    void SetUp() override {
        HaulTest::SetUp();
        if (IsSkipped()) return;
        pair_ = fresh_pair(gated_table() + "create table other as select 1 as a;");
        ASSERT_TRUE(exited(export_to(dir_, pair_, {"--no-capture"}), 0));
        fs::copy(dir_.path(), dir_.path() + ".good");
    }
    void mend(const std::string& name) const {
        fs::copy_file(dir_.path() + ".good/" + name, dir_.file(name),
                      fs::copy_options::overwrite_existing);
    }
    void expect_refused_then_fine_without(const std::string& name, const std::string& words) {
        EXPECT_TRUE(refused(import_from(dir_, pair_), 1, {name, words}));
        EXPECT_EQ(traces(pair_.target), "") << "something was made";
        mend(name);
        ASSERT_TRUE(exited(import_from(dir_, pair_), 0));
        EXPECT_TRUE(equal(pair_, true));
    }

    Pair pair_;
    ExportDir dir_;
};

TEST_F(Damaged, AMissingFileIsNamedBeforeAnythingIsLoaded) {
    const auto name = dir_.largest();
    fs::remove(dir_.file(name));
    expect_refused_then_fine_without(name, "public.gated");
}

TEST_F(Damaged, ATruncatedFileIsNamedBeforeAnythingIsLoaded) {
    const auto name = dir_.largest();
    fs::resize_file(dir_.file(name), fs::file_size(dir_.file(name)) - 100);
    expect_refused_then_fine_without(name, "damaged");
}

TEST_F(Damaged, AFileOfAnotherChunkIsNamedBeforeAnythingIsLoaded) {
    fs::copy_file(dir_.file("0-1.rows"), dir_.file("0-0.rows"),
                  fs::copy_options::overwrite_existing);
    expect_refused_then_fine_without("0-0.rows", "another export or chunk");
}

TEST_F(Damaged, ASchemaIsNamed) {
    dir_.damage("schema.dump", 300);
    expect_refused_then_fine_without("schema.dump", "damaged");
}

TEST_F(Damaged, APlanIsNamed) {
    dir_.damage("plan.json", 300);
    expect_refused_then_fine_without("plan.json", "damaged");
}

TEST_F(Damaged, AManifestIsNamed) {
    dir_.damage("manifest.json", 200);
    expect_refused_then_fine_without("manifest.json", "damaged");
}

TEST_F(Damaged, AManifestThatIsMissingMeansUnfinished) {
    fs::remove(dir_.file("manifest.json"));
    expect_refused_then_fine_without("manifest.json", "not finished");
}

TEST_F(Damaged, ABlockStopsItsChunkAndNothingOfThatCounts) {
    const auto name = dir_.largest();
    dir_.damage(name, fs::file_size(dir_.file(name)) / 2);
    const auto result = import_from(dir_, pair_);
    EXPECT_TRUE(refused(result, 1, {name, "public.gated", "damaged"}));
    const auto dash = name.find('-');
    const auto loaded = pair_.target_sql(
        "select count(*) from pghaul.chunk where loaded_at is not null and table_number = " +
        name.substr(0, dash) + " and number = " + name.substr(dash + 1, name.find('.') - dash - 1) +
        ";");
    EXPECT_EQ(loaded, "0");
    EXPECT_EQ(pair_.target_sql("select count(*) from gated;"),
              pair_.target_sql("select coalesce(sum(rows), 0) from pghaul.chunk c join "
                               "pghaul.table_plan t on t.number = c.table_number where "
                               "t.table_name = 'public.gated' and loaded_at is not null;"));
    mend(name);
    ASSERT_TRUE(exited(import_from(dir_, pair_), 0));
    EXPECT_TRUE(equal(pair_, true));
}

}  // namespace
}  // namespace pghaul::test
