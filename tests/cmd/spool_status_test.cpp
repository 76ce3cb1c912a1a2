// Files that a run has left: status says where and how many, drop finds them by itself.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "io/temp_dir.hpp"
#include "tests/cmd/live_steps.hpp"

namespace pghaul::test {
namespace {

namespace fs = std::filesystem;

class SpoolsKnown : public HaulTest {
  protected:
    /// A run that was killed when it had files; with the options given and --spool-dir.
    void leave_files(const Pair& pair, Arguments options) {
        options.insert(options.end(), {"--chunk-size=1MB", "--spool-dir", folder_.path("")});
        const auto killed = run(pair, options, {{"PGHAUL_FAILPOINTS", "spool_before_load=kill@2"}});
        ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
        ASSERT_EQ(folders(), 1);
    }
    long folders() const {
        return std::distance(fs::directory_iterator(folder_.path("")), fs::directory_iterator());
    }
    static nlohmann::json spools(const Pair& pair) {
        const auto status = pghaul({"status", "--json", "--target", pair.target});
        EXPECT_TRUE(exited(status, 0));
        return nlohmann::json::parse(status.out).at("spools");
    }

    io::TempDir folder_;
};

TEST_F(SpoolsKnown, AreCountedByStatusAndRemovedByDrop) {
    const auto pair = fresh_pair(gated_table(20000));
    leave_files(pair, {"--spool=always", "--spool-size=3MB"});
    const auto found = spools(pair);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_GE(found[0]["files"], 1);
    EXPECT_GE(found[0]["bytes"], 1000);
    EXPECT_EQ(found[0]["limit_bytes"], 3 << 20);
    EXPECT_TRUE(fs::is_directory(found[0]["folder"].get<std::string>()));
    const auto status = pghaul({"status", "--target", pair.target});
    EXPECT_TRUE(holds(status.out, "spool     ")) << status.out;
    EXPECT_TRUE(holds(status.out, found[0]["folder"])) << status.out;
    // Nobody tells it where.
    const auto dropped = drop(pair);
    EXPECT_TRUE(exited(dropped, 0));
    EXPECT_TRUE(holds(dropped.out, "removed the files in " + folder_.path("")));
    EXPECT_EQ(folders(), 0);
}

TEST_F(SpoolsKnown, AreForgottenWhenTheirRowsAreLoaded) {
    const auto pair = fresh_pair(gated_table(20000));
    leave_files(pair, {"--spool=always"});
    // The next run keeps its files elsewhere; those of the first are of no use after it.
    const io::TempDir other;
    ASSERT_TRUE(exited(run(pair, {"--spool=always", "--chunk-size=1MB", "--source-is-quiet",
                                  "--spool-dir", other.path("")}),
                       0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(folders(), 0);
    EXPECT_TRUE(fs::is_empty(other.path("")));
    EXPECT_EQ(spools(pair), nlohmann::json::array());
    const auto status = pghaul({"status", "--target", pair.target});
    EXPECT_EQ(status.out.find("spool"), std::string::npos) << status.out;
}

TEST_F(SpoolsKnown, OnAnotherHostAreNamedAndStay) {
    const auto pair = fresh_pair(gated_table(20000));
    leave_files(pair, {"--spool=always", "--spool-size=3MB"});
    pair.target_sql("update pghaul.spool set host = 'elsewhere';");
    const auto found = spools(pair);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0]["host"], "elsewhere");
    EXPECT_TRUE(found[0]["files"].is_null());
    EXPECT_TRUE(holds(pghaul({"status", "--target", pair.target}).out, "on elsewhere"));
    const auto dropped = drop(pair);
    EXPECT_TRUE(exited(dropped, 0));
    EXPECT_TRUE(holds(dropped.err, "a run on host elsewhere kept rows in files"));
    EXPECT_TRUE(holds(dropped.err, found[0]["folder"]));
    EXPECT_TRUE(holds(dropped.err, "HINT"));
    EXPECT_EQ(folders(), 1) << "another host's, for all it knows";
}

TEST_F(SpoolsKnown, AreKnownWhenARunBeganThemByItself) {
    const auto pair = fresh_pair(
        "create function take_time(id int) returns boolean language plpgsql as $$ begin "
        "if id % 100 = 0 and current_setting('application_name') like '%/write %' then "
        "perform pg_catalog.pg_sleep(case when id <= 4000 then 0.2 else 0.05 end); end if; return "
        "true; end $$;"
        "create table slow (id int primary key check (public.take_time(id)), pad text);"
        "insert into slow select i, repeat('x', 200) from generate_series(1, 60000) i; analyze;");
    leave_files(pair, {"-j", "1"});
    EXPECT_EQ(spools(pair).size(), 1U);
    EXPECT_TRUE(exited(drop(pair), 0));
    EXPECT_EQ(folders(), 0);
}

TEST_F(SpoolsKnown, OfAJobThatAnOlderVersionBeganAreNotAskedFor) {
    const auto pair = fresh_pair(gated_table(20000));
    leave_files(pair, {"--spool=always"});
    pair.target_sql("drop table pghaul.spool;");
    EXPECT_EQ(spools(pair), nlohmann::json::array());
    EXPECT_TRUE(exited(run(pair, {"--spool=always", "--chunk-size=1MB", "--source-is-quiet",
                                  "--spool-dir", folder_.path("")}),
                       0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(folders(), 0);
    EXPECT_TRUE(exited(drop(pair), 0));
}

}  // namespace
}  // namespace pghaul::test
