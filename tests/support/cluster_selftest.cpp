#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "tests/support/cluster.hpp"
#include "tests/support/equality.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* kOddSchema = R"sql(
create schema "Mixed Case";
create table "Mixed Case"."we""ird.
nä|me" (id int primary key, "whole_row" text, x float8, gone int);
alter table "Mixed Case"."we""ird.
nä|me" drop column gone;
insert into "Mixed Case"."we""ird.
nä|me" select i, 'row ' || i, i / 3.0 from generate_series(1, 100) i;
create table parted (id int primary key) partition by range (id);
create table parted_low partition of parted for values from (minvalue) to (50);
create table parted_high partition of parted for values from (50) to (maxvalue);
insert into parted select generate_series(1, 99);
create sequence "se|q";
select nextval('"se|q"');
create table no_columns ();
insert into no_columns default values;
create materialized view filled as select * from parted;
create materialized view empty as select * from parted with no data;
select lo_from_bytea(4711, '\xdeadbeef');
comment on large object 4711 is 'a|b';
)sql";

class ClusterTest : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        if (find_server_bin(15)) cluster_ = std::make_unique<Cluster>();
    }
    static void TearDownTestSuite() { cluster_.reset(); }
    void SetUp() override {
        if (!cluster_) GTEST_SKIP() << "PostgreSQL 15 server is not installed";
    }

    static std::string fresh_database(const std::string& name) {
        create_database(*cluster_, name);
        psql(cluster_->conninfo(name), kOddSchema);
        return cluster_->conninfo(name);
    }

    static std::unique_ptr<Cluster> cluster_;
};

std::unique_ptr<Cluster> ClusterTest::cluster_;

TEST_F(ClusterTest, KeepsCommittedRowsOverImmediateRestart) {
    create_database(*cluster_, "o'dd \"name\\");
    const std::string conninfo = cluster_->conninfo("o'dd \"name\\");
    psql(conninfo, "create table t as select 1 as a;");
    const pid_t before = cluster_->postmaster_pid();
    cluster_->restart_immediate();
    EXPECT_NE(cluster_->postmaster_pid(), before);
    EXPECT_EQ(psql(conninfo, "select a from t;"), "1");
    EXPECT_NE(cluster_->log().find("was not properly shut down"), std::string::npos);
}

TEST_F(ClusterTest, StartsAgainAfterPostmasterWasKilled) {
    ::kill(cluster_->postmaster_pid(), SIGKILL);
    ASSERT_TRUE(wait_for_exit(cluster_->postmaster_pid(), 10s));
    // Reaped here, behind the cluster's back, as a test that waits for the crash would do.
    EXPECT_THROW(psql(cluster_->conninfo("postgres"), "select 1;"), std::runtime_error);
    cluster_->start();
    EXPECT_EQ(psql(cluster_->conninfo("postgres"), "select 1;"), "1");
}

TEST_F(ClusterTest, StopsFastAndStartsOnSamePort) {
    const int port = cluster_->port();
    cluster_->stop_fast();
    EXPECT_EQ(cluster_->postmaster_pid(), 0);
    cluster_->start();
    EXPECT_EQ(cluster_->port(), port);
}

TEST_F(ClusterTest, RemovesItsFolders) {
    std::string data;
    {
        const std::string root = testing::TempDir();
        const Cluster other({.settings = {"cluster_name=it's"}, .data_root = root});
        data = other.data_dir();
        EXPECT_TRUE(data.starts_with(root));
        EXPECT_EQ(psql(other.conninfo("postgres"), "show cluster_name;"), "it's");
    }
    EXPECT_FALSE(std::filesystem::exists(data));
}

TEST_F(ClusterTest, PsqlThrowsServersError) {
    try {
        psql(cluster_->conninfo("postgres"), "select 1;\nselect 1/0;\nselect 2;");
        FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("division by zero"), std::string::npos);
    }
}

TEST_F(ClusterTest, EqualDatabasesCompareEqual) {
    const std::string a = fresh_database("equal_a");
    const std::string b = fresh_database("equal_b");
    EXPECT_EQ(compare_databases(a, b, {.schema = true}), "");
}

TEST_F(ClusterTest, EveryKindOfDifferenceIsNamed) {
    const std::string a = fresh_database("differs_a");
    const std::string b = fresh_database("differs_b");
    psql(b, R"sql(
update "Mixed Case"."we""ird.
nä|me" set x = x + 1e-14 where id = 7;
delete from parted_low where id = 1;
select nextval('"se|q"');
refresh materialized view filled;
refresh materialized view empty;
comment on large object 4711 is 'a|c';
create table extra (like parted);
create schema pghaul;
create table pghaul.journal (id int);
)sql");
    const std::string report = compare_databases(a, b, {.schema = true});
    for (const char* expected :
         {R"(table "\"Mixed Case\".\"we\"\"ird.\nnä|me\"": source rows 100)",
          R"(table "public.parted_low": source rows 49, hash )", R"(sequence "public.\"se|q\"")",
          R"(materialized view "public.filled")",
          R"(materialized view "public.empty": source unpopulated)", "large object 4711",
          R"(table "public.extra": only in the target)", "+CREATE TABLE public.extra"}) {
        EXPECT_NE(report.find(expected), std::string::npos) << expected << "\n" << report;
    }
    EXPECT_EQ(report.find("parted_high"), std::string::npos) << report;
    EXPECT_EQ(report.find("journal"), std::string::npos) << report;
}

TEST_F(ClusterTest, DatabasesOfDifferentEncodingsCompareEqual) {
    create_database(*cluster_, "utf8");
    create_database(*cluster_, "latin1", "encoding 'LATIN1' locale 'C' template template0");
    for (const char* name : {"utf8", "latin1"}) {
        psql(cluster_->conninfo(name), "create table t as select 'grün'::text as a;");
    }
    EXPECT_EQ(compare_databases(cluster_->conninfo("utf8"), cluster_->conninfo("latin1")), "");
}

TEST_F(ClusterTest, EveryInstalledVersionStartsAndComparesEqual) {
    create_database(*cluster_, "versions");
    constexpr const char* kTable =
        "create table t as select i, i / 3.0::float8 as x, now() - i * interval '1 h' < now() as b "
        "from generate_series(1, 100) i; select lo_from_bytea(1, 'x');";
    psql(cluster_->conninfo("versions"), kTable);
    for (int major = 10; major < 30; ++major) {
        if (major == 15 || !find_server_bin(major)) continue;
        const Cluster other({.major = major});
        psql(other.conninfo("postgres"), kTable);
        EXPECT_EQ(compare_databases(cluster_->conninfo("versions"), other.conninfo("postgres")), "")
            << "version " << major;
    }
}

TEST_F(ClusterTest, ServerStopsWhenTheTestIsKilled) {
    MemoryFile marker;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        try {
            const Cluster orphan;
            dprintf(marker.fd(), "%d", orphan.postmaster_pid());
            ::kill(getpid(), SIGKILL);
        } catch (const std::exception&) {
            _exit(1);
        }
    }
    ASSERT_TRUE(wait_for_exit(child, 60s));
    const std::string pid = marker.content();
    ASSERT_FALSE(pid.empty());
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (std::filesystem::exists("/proc/" + pid + "/exe") &&
           std::chrono::steady_clock::now() < deadline) {
        run_process({"sleep", "0.01"});
    }
    EXPECT_FALSE(std::filesystem::exists("/proc/" + pid + "/exe"));
}

TEST(Process, ReportsExitSignalAndOutput) {
    const ProcessResult result =
        run_process({"sh", "-c", "cat; echo $X >&2; exit 3"}, {{"X", "from env"}}, "from stdin");
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(result.signal, 0);
    EXPECT_EQ(result.out, "from stdin");
    EXPECT_EQ(result.err, "from env\n");
    int exit_code = -2;
    EXPECT_EQ(run_command({"sh", "-c", "echo a; echo b >&2; echo c"}, &exit_code), "a\nb\nc\n");
    EXPECT_EQ(exit_code, 0);
    EXPECT_THROW(run_process({"/does/not/exist"}), std::system_error);
}

TEST(ChildProcess, ShowsOutputWhileRunningAndTakesSignals) {
    ChildProcess child({"sh", "-c", "echo ready; sleep 60"});
    EXPECT_TRUE(child.wait_for_output("ready", 10s));
    EXPECT_TRUE(child.running());
    EXPECT_FALSE(child.wait(0ms));
    child.kill(SIGTERM);
    const auto result = child.wait(10s);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->signal, SIGTERM);
    EXPECT_EQ(result->exit_code, -1);
    EXPECT_EQ(result->out, "ready\n");
}

}  // namespace
}  // namespace pghaul::test
