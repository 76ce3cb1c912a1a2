// `pghaul report` on real jobs: in the middle, at the end, after cutover, gone; with hostile names
// and many tables; with no more rights than to read the journal.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cmd/live_steps.hpp"
#include "tests/cmd/well_formed.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

using nlohmann::json;

class ReportTest : public HaulTest {
  protected:
    ~ReportTest() override { std::filesystem::remove_all(folder_); }

    /// A page of the pair's job, from the target alone.
    static std::string page(const Pair& pair, const Arguments& more = {}) {
        Arguments arguments = {"report", "--target", pair.target, "--progress", "none"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto result = pghaul(arguments);
        EXPECT_TRUE(exited(result, 0));
        EXPECT_EQ(xml_fault(result.out), "");
        return result.out;
    }
    static json as_json(const Pair& pair, const Arguments& more = {}) {
        Arguments arguments = {"report", "--json", "--target", pair.target};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto result = pghaul(arguments);
        EXPECT_TRUE(exited(result, 0));
        return json::parse(result.out);
    }
    std::string in_folder(const std::string& name) const { return (folder_ / name).string(); }

  private:
    static std::filesystem::path new_folder() {
        std::string name = (std::filesystem::temp_directory_path() / "pghaul-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
        return name;
    }
    std::filesystem::path folder_ = new_folder();
};

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST_F(ReportTest, TellsHowFarARunIsAndThatItGoesOn) {
    const auto pair = fresh_pair(gated_table());
    Gate gate(pair);
    ChildProcess child(run_argv(pair, {"--chunk-size=1MB", "-j", "2"}));
    ASSERT_TRUE(gate.reached());
    ASSERT_TRUE(eventually([&] {
        return pair.target_sql(
                   "select count(*) > 0 from pghaul.chunk where loaded_at is not null;") == "t";
    }));
    const auto said = as_json(pair);
    EXPECT_EQ(said.at("phase"), "copying");
    EXPECT_EQ(said.at("running"), true);
    EXPECT_EQ(said.at("mood"), "active");
    EXPECT_TRUE(holds(said.at("verdict"), "Copy is "));
    EXPECT_GT(said.at("chunks_loaded"), 0);
    EXPECT_LT(said.at("chunks_loaded"), said.at("chunks_in_all"));
    EXPECT_EQ(said.at("steps").back().at("under_way"), true);
    EXPECT_TRUE(holds(page(pair), "running (process "));
    gate.open();
    const auto ended = child.wait(std::chrono::seconds(60));
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
}

TEST_F(ReportTest, TellsAtTheEndWhatEachTableTookAndThatItIsEqual) {
    const auto pair = fresh_pair(
        "create table big (id int primary key, pad text); insert into big select i, repeat('x', "
        "200)"
        " from generate_series(1, 20000) i; create table small (a int); insert into small values "
        "(1);"
        "select lo_from_bytea(0, 'large'); analyze;");
    ASSERT_TRUE(exited(run(pair, {"--chunk-size=1MB"}), 0));
    const auto said = as_json(pair);
    EXPECT_EQ(said.at("verdict"), "Copied and proved equal.");
    EXPECT_EQ(said.at("mood"), "good");
    EXPECT_EQ(said.at("rows"), 20001);
    EXPECT_EQ(said.at("large_objects_loaded"), 1);
    EXPECT_EQ(said.at("chunks").size(), said.at("chunks_loaded"));
    const auto& big = said.at("tables").at(0);
    EXPECT_EQ(big.at("table"), "public.big");
    EXPECT_EQ(big.at("rows"), 20000);
    EXPECT_GT(big.at("chunks"), 2);
    EXPECT_GT(big.at("seconds"), 0);
    EXPECT_LE(big.at("begun_at"), big.at("ended_at"));
    EXPECT_EQ(big.at("indexes"), 1);
    EXPECT_EQ(big.at("proof"), "read back");
    EXPECT_FALSE(big.at("proof_at").is_null());
    for (const auto& chunk : said.at("chunks")) {
        EXPECT_LT(chunk.at("begun_at"), chunk.at("ended_at")) << chunk;
        EXPECT_LT(chunk.at("stream"), 3);
    }
    EXPECT_FALSE(said.at("source").at("version").get<std::string>().empty());
    const auto html = page(pair);
    for (const auto* words : {"Copied and proved equal.", "Copy, stream by stream", "public.big",
                              "read back: equal", "1 of 1", "was not asked for this report"}) {
        EXPECT_TRUE(holds(html, words));
    }
}

TEST_F(ReportTest, FollowsAMoveToItsEnd) {
    const auto pair =
        live_pair(As::superuser,
                  "create table t (id int primary key, a text); insert into t select "
                  "i, 'x' from generate_series(1, 1000) i; create table keyless (a int);"
                  "analyze;");
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.source_sql("update t set a = 'y' where id < 100;");
    ASSERT_TRUE(exited(follow(pair), 0));
    auto said = as_json(pair, {"--source", pair.source});
    EXPECT_TRUE(holds(said.at("verdict"), "Copied and proved equal; nothing follows now"));
    EXPECT_GE(said.at("changes"), 99);
    EXPECT_GE(said.at("windows"), 1);
    EXPECT_EQ(said.at("source").at("fenced"), false);
    EXPECT_EQ(said.at("source").at("capture_schema"), "pghaul");
    ASSERT_FALSE(said.at("hazards").empty());
    EXPECT_TRUE(holds(said.at("hazards").dump(), "tables without a key"));
    EXPECT_TRUE(holds(page(pair), "tables without a key"));

    ASSERT_TRUE(exited(pghaul({"cutover", "--source", pair.source, "--target", pair.target}), 0));
    said = as_json(pair, {"--source", pair.source});
    EXPECT_EQ(said.at("cut_over"), true);
    EXPECT_FALSE(said.at("cutover_at").is_null());
    EXPECT_TRUE(
        holds(said.at("verdict"), "Moved with every table proved equal; writers were paused for "));
    EXPECT_TRUE(holds(said.at("verdict"), "the old database refuses writes"));
    EXPECT_TRUE(holds(page(pair, {"--source", pair.source}), "a fence refuses writes"));

    ASSERT_TRUE(
        exited(pghaul({"cutover", "--undo", "--source", pair.source, "--target", pair.target}), 0));
    EXPECT_TRUE(holds(page(pair, {"--source", pair.source}), "no fence stands"));
}

TEST_F(ReportTest, KnowsAJobThatHasNoPlanYet) {
    const auto pair = live_pair(As::superuser, "create table t (id int primary key);");
    ASSERT_TRUE(exited(run_live(pair, {"--until", "captured"}), 0));
    const auto html = page(pair);
    EXPECT_TRUE(holds(html, "Changes are captured on the source; nothing is copied yet"));
    EXPECT_EQ(html.find("<table"), std::string::npos);
    EXPECT_EQ(as_json(pair).at("mood"), "attention") << "nothing runs";
}

TEST_F(ReportTest, SaysThatThereIsNoSuchJobAsStatusDoes) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    EXPECT_TRUE(
        refused(pghaul({"report", "--target", pair.target, "--job", "none"}), 1, {"no job none"}));
    ASSERT_TRUE(exited(run(pair), 0));
    ASSERT_TRUE(exited(drop(pair), 0));
    const auto gone = pghaul({"report", "--target", pair.target, "--job", pair.name});
    EXPECT_TRUE(refused(gone, 1, {"no job " + pair.name, "before"}));
    EXPECT_TRUE(gone.out.empty()) << "half a page";
}

TEST_F(ReportTest, NeedsTheTargetOnly) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    ASSERT_TRUE(exited(run(pair), 0));
    const auto html =
        page(pair, {"--source", "host=127.0.0.1 port=1 dbname=gone user=me password=geheim",
                    "--job", pair.name});
    EXPECT_TRUE(holds(html, "could not be asked: "));
    EXPECT_EQ(html.find("geheim"), std::string::npos);
    EXPECT_TRUE(refused(pghaul({"report", "--target", "host=127.0.0.1 port=1 user=me"}), 75,
                        {"127.0.0.1"}));
}

TEST_F(ReportTest, NeedsNoMoreRightsThanToReadTheJournal) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    ASSERT_TRUE(exited(run(pair), 0));
    on_both_servers("create role looker login;");
    pair.target_sql(
        "grant usage on schema pghaul to looker; grant select on all tables in schema pghaul to "
        "looker;");
    auto looker = pair;
    looker.target += " user=looker";
    EXPECT_TRUE(holds(page(looker), "Copied and proved equal."));
}

TEST_F(ReportTest, WritesAFileForItsOwnerAndReplacesItWhole) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    ASSERT_TRUE(exited(run(pair), 0));
    const auto path = in_folder("report.html");
    std::ofstream(path) << "an older one";
    const auto result = pghaul({"report", "--target", pair.target, "--output", path});
    ASSERT_TRUE(exited(result, 0));
    EXPECT_TRUE(result.out.empty());
    EXPECT_TRUE(holds(result.err, "Copied and proved equal."));
    EXPECT_EQ(xml_fault(text_of(path)), "");
    struct stat file {};
    ASSERT_EQ(::stat(path.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0600U);
    EXPECT_FALSE(std::filesystem::exists(path + ".part"));

    EXPECT_TRUE(exited(
        pghaul({"report", "--json", "--target", pair.target, "--output", in_folder("r.json")}), 0));
    EXPECT_EQ(json::parse(text_of(in_folder("r.json"))).at("job"), pair.name);
    EXPECT_TRUE(refused(pghaul({"report", "--target", pair.target, "--output", "/dev/null"}), 2,
                        {"not a plain file"}));
    EXPECT_TRUE(
        refused(pghaul({"report", "--target", pair.target, "--output", in_folder("no/such/file")}),
                1, {"no/such/file"}));
}

TEST_F(ReportTest, TakesNoNameForMarkup) {
    const auto pair = fresh_pair(
        "create table \"<script>alert(1)</script>\" (a int);"
        "create table \"quotes \"\" ' & ampersand\" (a int);"
        "create schema \"]]>\"; create table \"]]>\".\"größe 表 🚚\" (a int);"
        "create table \"a\n\tline\" (a int, b int);"
        "insert into \"a\n\tline\" values (1, 2);");
    ASSERT_TRUE(exited(run(pair), 0));
    const auto html = page(pair);
    EXPECT_TRUE(holds(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    EXPECT_EQ(html.find("<script>alert"), std::string::npos);
    EXPECT_EQ(html.find("]]>"), std::string::npos);
    EXPECT_TRUE(holds(html, "größe 表 🚚"));
    EXPECT_TRUE(holds(html, "a\\n\\tline"));
}

TEST_F(ReportTest, StaysSmallForTwoThousandTables) {
    const auto pair = fresh_pair("create table t (id int primary key);");
    ASSERT_TRUE(exited(run(pair), 0));
    // Two thousand tables of a real job would take the test a minute; the journal can't tell.
    pair.target_sql(
        "insert into pghaul.table_plan select job, n, 'public.t' || n, bytes, "
        "replace(replace(plan, '\"number\":0', '\"number\":' || n), '\"name\":\"t\"', "
        "'\"name\":\"a_longer_table_name_' || n || '\"'), finished_at, proof, proof_at "
        "from pghaul.table_plan, generate_series(1, 1999) n;"
        "insert into pghaul.chunk (job, table_number, number, bytes, loaded_at, snapshot, rows, "
        "sent_bytes, row_sum, begun_at, backend) select job, n, number, bytes, "
        "loaded_at + n * interval '0.1 s', snapshot, n * 1000, n * 100000, row_sum, "
        "begun_at + n * interval '0.1 s', backend from pghaul.chunk, generate_series(1, 1999) n;");
    const auto html = page(pair);
    EXPECT_TRUE(holds(html, "2000 of 2000"));
    EXPECT_TRUE(holds(html, "public.a_longer_table_name_1999"));
    EXPECT_LT(html.size(), 1'500'000U);
}

TEST_F(ReportTest, AsksForANewerJournalUntilARunHasBroughtItUpToDate) {
    const auto pair = fresh_pair("create table t as select 1 as a;");
    ASSERT_TRUE(exited(run(pair), 0));
    pair.target_sql(
        "drop table pghaul.hazard; alter table pghaul.chunk drop column begun_at, drop column "
        "backend; alter table pghaul.job drop column windows, drop column source_version; "
        "alter table pghaul.table_plan drop column proof_at; alter table "
        "pghaul.large_object_chunk drop column begun_at, drop column backend;");
    EXPECT_TRUE(exited(pghaul({"status", "--target", pair.target}), 0));
    EXPECT_TRUE(refused(pghaul({"report", "--target", pair.target}), 1, {"earlier pghaul"}));
    ASSERT_TRUE(exited(run(pair), 0));
    EXPECT_TRUE(holds(page(pair), "Copied and proved equal."));
}

}  // namespace
}  // namespace pghaul::test
