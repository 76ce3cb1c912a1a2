// Errors at the named places of a copy, and whether all of those places are in the code.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/failpoint.hpp"
#include "tests/crash/crash_steps.hpp"

namespace pghaul::test {
namespace {

using io::Failpoint;

using Failpoints = HaulTest;

TEST_F(Failpoints, ARetryableErrorAtAnyPlaceOfACopyIsRedoneByTheSameRun) {
    for (const std::string name :
         {"copy_after_read", "copy_before_mark", "copy_before_commit", "copy_after_commit",
          "large_objects_before_mark", "read_back_before_mark"}) {
        const std::string setting = name + (name.starts_with("large") ? "=error@1" : "=error@3");
        SCOPED_TRACE(setting);
        const auto pair = crash_pair();
        const auto result = run(pair, crash_arguments(), {{"PGHAUL_FAILPOINTS", setting}});
        EXPECT_TRUE(exited(result, 0));
        EXPECT_TRUE(holds(result.err, "trying again"));
        EXPECT_TRUE(equal(pair));
        EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot;"), "1");
    }
}

TEST_F(Failpoints, ARetryableErrorInAnyStepBesideTheCopyIsRedoneByTheSameRun) {
    for (const std::string name :
         {"schema_before", "schema_after", "sequences_before", "sequences_after", "rest_before",
          "foreign_key_added", "foreign_key_validated", "rest_after", "views_refreshed"}) {
        SCOPED_TRACE(name);
        const auto pair = crash_pair();
        const auto result =
            run(pair, crash_arguments(), {{"PGHAUL_FAILPOINTS", name + "=error@1"}});
        EXPECT_TRUE(exited(result, 0));
        EXPECT_TRUE(holds(result.err, "failpoint " + name));
        EXPECT_TRUE(holds(result.err, "trying again"));
        EXPECT_EQ(phase(pair), "done");
        EXPECT_TRUE(equal(pair, true));
    }
}

TEST_F(Failpoints, APermanentErrorInAStepIsNotTriedAgain) {
    const auto pair = crash_pair();
    const auto result =
        run(pair, crash_arguments(), {{"PGHAUL_FAILPOINTS", "views_refreshed=fail"}});
    EXPECT_TRUE(exited(result, 1));
    EXPECT_TRUE(holds(result.err, "materialized views: failpoint views_refreshed"));
    EXPECT_EQ(result.err.find("trying again"), std::string::npos) << result.err;
    expect_rerun_finishes(pair);
}

TEST_F(Failpoints, APermanentErrorStopsTheRunAndTheRerunFinishes) {
    const auto pair = crash_pair();
    const auto result =
        run(pair, crash_arguments(), {{"PGHAUL_FAILPOINTS", "copy_before_mark=fail@4"}});
    EXPECT_TRUE(exited(result, 1));
    EXPECT_TRUE(holds(result.err, "failpoint copy_before_mark"));
    expect_rerun_finishes(pair);
}

TEST_F(Failpoints, AMisspeltOneIsRefused) {
    const auto pair = fresh_pair();
    const auto result = run(pair, {}, {{"PGHAUL_FAILPOINTS", "copy_before_marc=kill"}});
    EXPECT_TRUE(exited(result, 2));
    EXPECT_TRUE(holds(result.err, "copy_before_marc"));
}

TEST(FailpointNames, AreEachPassedSomewhereInTheCode) {
    std::string code;
    for (const std::string folder : {"cmd", "delta", "loader", "snapshot"}) {
        for (const auto& entry :
             std::filesystem::directory_iterator(PGHAUL_SOURCE_DIR "/" + folder)) {
            if (entry.path().extension() != ".cpp") continue;
            std::ifstream file(entry.path());
            code.append(std::istreambuf_iterator<char>(file), {});
        }
    }
    for (int i = 0; i < static_cast<int>(Failpoint::count_); ++i) {
        const std::string name(io::failpoint_name(static_cast<Failpoint>(i)));
        EXPECT_NE(code.find("Failpoint::" + name + ")"), std::string::npos) << name;
    }
}

}  // namespace
}  // namespace pghaul::test
