// Whole runs whose rows go through files: the same databases, a source that is let go earlier, no
// file left.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/temp_dir.hpp"
#include "tests/cmd/live_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

namespace fs = std::filesystem;

class SpoolRun : public HaulTest {
  protected:
    Arguments through_files(const Arguments& more = {}) const {
        Arguments all = {"--spool=always", "--spool-dir", folder_.path(""), "--json"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    bool no_file_is_left() const { return fs::is_empty(folder_.path("")); }
    /// The result that --json gave.
    static nlohmann::json result_of(const ProcessResult& run) {
        return nlohmann::json::parse(run.out);
    }

    io::TempDir folder_;
};

TEST_F(SpoolRun, CarriesEveryKindOfTableThroughFiles) {
    on_both_servers(R"sql(create role "Odd ""Owner"; create role reader;)sql");
    std::ifstream file(PGHAUL_SOURCE_DIR "/tests/cmd/mixed_schema.sql");
    std::ostringstream schema;
    schema << file.rdbuf() << gated_table(40000) << R"sql(
        create table wide (id int primary key, doc text);
        alter table wide alter column doc set storage external;
        insert into wide select i, repeat(md5(i::text), 20000) from generate_series(1, 12) i;
        create table nothing_in_it (id int primary key, pad text);
        analyze;)sql";
    for (const std::string engine : {"on", "off"}) {
        SCOPED_TRACE("io_uring " + engine);
        const auto pair = fresh_pair(schema.str());
        const auto result = run(pair, through_files({"--chunk-size=1MB", "-j", "3"}),
                                {{"PGHAUL_IO_URING", engine}});
        ASSERT_TRUE(exited(result, 0));
        EXPECT_TRUE(equal(pair, true));
        const auto told = result_of(result);
        EXPECT_GT(told["spooled_bytes"], 100000);
        EXPECT_GT(told["snapshot_ms"], 0);
        EXPECT_TRUE(no_file_is_left());
        EXPECT_TRUE(holds(result.err, "rows go through files in " + folder_.path("")));
    }
}

TEST_F(SpoolRun, CarriesAnotherEncodingThroughFiles) {
    const auto pair = fresh_pair(
        "create table t (id int primary key, a text);"
        "insert into t select i, repeat(chr(233), 400) "
        "from generate_series(1, 9000) i; analyze;",
        "encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0");
    const auto result = run(pair, through_files({"--chunk-size=1MB"}));
    ASSERT_TRUE(exited(result, 0));
    EXPECT_GT(result_of(result)["spooled_bytes"], 0);
    EXPECT_TRUE(equal(pair));
}

TEST_F(SpoolRun, BringsLaterChangesOfAWritingApplication) {
    const auto pair = live_pair(As::owner, busy_tables());
    Writers writers(pair.source, busy_writers());
    writers.await(1);
    const auto result = run_live(pair, through_files({"--chunk-size=1MB"}));
    ASSERT_TRUE(exited(result, 0));
    EXPECT_GT(result_of(result)["spooled_bytes"], 0);
    writers.await(1);
    writers.stop();
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
    EXPECT_TRUE(no_file_is_left());
}

TEST_F(SpoolRun, LetsTheSourceGoWhileTheTargetStandsStill) {
    const auto pair = fresh_pair(gated_table(40000));
    Gate gate(pair);
    ChildProcess child(run_argv(pair, through_files({"--chunk-size=1MB"})));
    ASSERT_TRUE(gate.reached());
    EXPECT_TRUE(eventually([] { return pghaul_sessions(source_server()).empty(); }))
        << pghaul_sessions(source_server());
    // Nobody needs its rows any more, not even the locks on its tables.
    pair.source_sql("alter table gated rename to moved;");
    gate.open();
    const auto ended = child.wait(std::chrono::seconds(60));
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
    EXPECT_EQ(pair.target_sql("select count(*) from gated;"), "40000");
    EXPECT_TRUE(no_file_is_left());
}

/// A table that the target takes slowly: each hundredth row makes pghaul's own session there wait;
/// ten times as long in the first chunk, so that the copy seems to take more than half a minute.
std::string slow_table(int rows, double seconds) {
    return "create function take_time(id int) returns boolean language plpgsql as $$ begin "
           "if id % 100 = 0 and current_setting('application_name') like '%/write %' then "
           "perform pg_catalog.pg_sleep(case when id <= 4000 then 10 else 1 end * " +
           std::to_string(seconds) +
           "); end if; return true; end $$;"
           "create table slow (id int primary key check (public.take_time(id)), pad text);"
           "insert into slow select i, repeat('x', 200) from generate_series(1, " +
           std::to_string(rows) + ") i; analyze;";
}

TEST_F(SpoolRun, ReadsAheadByItselfWhenTheTargetFallsBehind) {
    const auto pair = fresh_pair(slow_table(60000, 0.02));
    const auto result =
        run(pair, {"-j", "1", "--chunk-size=1MB", "--json", "--spool-dir", folder_.path("")});
    ASSERT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "the target falls behind"));
    EXPECT_TRUE(equal(pair));
    const auto told = result_of(result);
    EXPECT_GT(told["spooled_bytes"], 0);
    double copy_ms = 0;
    for (const auto& step : told["steps"]) {
        if (step["step"] == "copy") copy_ms = 1000 * step["seconds"].get<double>();
    }
    EXPECT_LT(told["snapshot_ms"], 0.8 * copy_ms);
    EXPECT_TRUE(no_file_is_left());
}

TEST_F(SpoolRun, WritesNoFileUnlessTheTargetFallsBehind) {
    const auto pair = fresh_pair(gated_table(20000));
    for (const std::string mode : {"--spool=auto", "--spool=never"}) {
        const auto result = run(
            pair, {mode, "--chunk-size=1MB", "--json", "--spool-dir", folder_.path("not/there")});
        ASSERT_TRUE(exited(result, 0));
        EXPECT_EQ(result_of(result)["spooled_bytes"], 0);
        ASSERT_TRUE(exited(drop(pair), 0));
        pair.target_sql("drop table gated; drop function pass_gate;");
    }
}

TEST_F(SpoolRun, WorksWithinASmallSpool) {
    const auto pair = fresh_pair(gated_table(60000));
    const auto result =
        run(pair, through_files({"--chunk-size=1MB", "--spool-size=2500kB", "-j", "3"}));
    ASSERT_TRUE(exited(result, 0));
    EXPECT_TRUE(equal(pair));
    EXPECT_GT(result_of(result)["spooled_bytes"], 0);
}

TEST_F(SpoolRun, GoesDirectlyWhereAChunkIsLargerThanTheSpool) {
    const auto pair = fresh_pair(
        "create table keyless as select i % 5 as a, repeat('x', 500) as b "
        "from generate_series(1, 6000) i; analyze;");
    const auto result = run(pair, through_files({"--chunk-size=100MB", "--spool-size=1MB"}));
    ASSERT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.err, "larger than the"));
    EXPECT_TRUE(holds(result.err, "raise --spool-size"));
    EXPECT_EQ(result_of(result)["spooled_bytes"], 0);
    EXPECT_TRUE(equal(pair));
}

}  // namespace
}  // namespace pghaul::test
