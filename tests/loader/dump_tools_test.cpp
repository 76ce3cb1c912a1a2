#include "loader/dump_tools.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/error.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::loader {
namespace {

using test::error_of;

DumpTools tools(int major) {
    const auto folder = "/pg" + std::to_string(major) + "/";
    return {folder + "pg_dump", folder + "pg_restore", major};
}

TEST(PickDumpTools, TakesTheTargetsVersion) {
    const std::vector<DumpTools> found = {tools(18), tools(12), tools(15), tools(16)};
    EXPECT_EQ(pick_dump_tools(found, 12, 15).major, 15);
    EXPECT_EQ(pick_dump_tools(found, 15, 15).pg_dump, "/pg15/pg_dump");
    EXPECT_EQ(pick_dump_tools(found, 9, 18).major, 18);
}

TEST(PickDumpTools, TakesTheNewestThatIsNotNewerThanTheTarget) {
    EXPECT_EQ(pick_dump_tools({tools(12), tools(14), tools(18)}, 10, 16).major, 14);
}

TEST(PickDumpTools, TakesTheOldestOfTheNewerOnesWhenAllAreNewerThanTheTarget) {
    EXPECT_EQ(pick_dump_tools({tools(18), tools(16), tools(17)}, 15, 15).major, 16);
    EXPECT_EQ(pick_dump_tools({tools(15), tools(18), tools(17)}, 17, 15).major, 17);
}

TEST(PickDumpTools, NeverTakesOneOlderThanTheSource) {
    const auto error = error_of([] { pick_dump_tools({tools(14), tools(12)}, 15, 16); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::no_go);
    EXPECT_STREQ(error.what(),
                 "needs pg_dump and pg_restore of version 15 or newer, found only 14 "
                 "(/pg14/pg_dump), 12 (/pg12/pg_dump)");
    EXPECT_NE(error.hint().find("postgresql-client-16"), std::string::npos) << error.hint();
}

TEST(PickDumpTools, SaysWhenThereAreNone) {
    const auto error = error_of([] { pick_dump_tools({}, 15, 15); });
    EXPECT_NE(std::string(error.what()).find("found none"), std::string::npos);
}

TEST(FindDumpTools, FindsRealProgramsRatherThanWrapperScripts) {
    const io::Interrupt interrupt;
    DumpTools found;
    try {
        found = find_dump_tools(10, 15, interrupt);
    } catch (const io::Error& error) {
        GTEST_SKIP() << error.what();
    }
    EXPECT_GE(found.major, 10);
    std::error_code ignored;
    const auto folder = "/usr/lib/postgresql/" + std::to_string(found.major) + "/bin";
    if (std::filesystem::exists(folder + "/pg_dump", ignored)) {
        EXPECT_EQ(found.pg_dump, folder + "/pg_dump");
        EXPECT_EQ(found.pg_restore, folder + "/pg_restore");
    }
}

TEST(ToolLogin, KeepsPasswordsOutOfTheConnectionString) {
    const ToolLogin login(
        io::ConnInfo::parse("host=h dbname=d password='a:b\\\\c' sslpassword=s3cret"), "my job");
    EXPECT_EQ(login.conninfo().find("a:b"), std::string::npos);
    EXPECT_EQ(login.conninfo().find("s3cret"), std::string::npos);
    const auto info = io::ConnInfo::parse(login.conninfo());
    EXPECT_EQ(info.get("application_name"), "pghaul/my job/schema");
    EXPECT_EQ(io::read_file(info.get("passfile")), "*:*:*:*:a\\:b\\\\c\n");
    struct stat file {};
    ASSERT_EQ(::stat(info.get("passfile").c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777U, 0600U);
    // A password from the environment would win over the file.
    EXPECT_EQ(login.env().at("PGPASSWORD"), "");
    EXPECT_EQ(info.get("service"), "pghaul");
    EXPECT_EQ(io::read_file(login.env().at("PGSERVICEFILE")), "[pghaul]\nsslpassword=s3cret\n");
}

TEST(ToolLogin, LeavesTheEnvironmentAloneWithoutAPassword) {
    const ToolLogin login(io::ConnInfo::parse("host=h passfile=/mine service=s"), "j");
    EXPECT_TRUE(login.env().empty());
    EXPECT_EQ(io::ConnInfo::parse(login.conninfo()).get("passfile"), "/mine");
}

TEST(RunTool, TellsTheFirstErrors) {
    const io::Interrupt interrupt;
    const auto error = error_of([&] {
        run_tool({"/bin/sh", "-c",
                  "echo 'pg_dump: warning: odd' >&2; echo 'pg_dump: error: query failed: ERROR:  "
                  "permission denied for table t' >&2; exit 1"},
                 {}, interrupt);
    });
    EXPECT_STREQ(error.what(),
                 "sh failed with exit code 1: query failed: permission denied for table t");
    EXPECT_FALSE(error.retryable());
    EXPECT_NE(error.hint().find("grant"), std::string::npos);
}

}  // namespace
}  // namespace pghaul::loader
