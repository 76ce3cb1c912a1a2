// A target whose disk fills up: one error that says so, and after it has grown the run goes on.
#include <gtest/gtest.h>

#include "tests/cmd/haul_steps.hpp"
#include "tests/support/small_disk.hpp"

namespace pghaul::test {
namespace {

TEST(FullDisk, OnTheTargetIsSaidClearlyAndTheRunGoesOnWhenThereIsRoom) {
    if (!find_server_bin(15)) GTEST_SKIP() << "PostgreSQL 15 server is not installed";
    SmallDisk disk("110m");
    if (!disk.mounted()) GTEST_SKIP() << "cannot mount a tmpfs: " << disk.why_not();
    Cluster source;
    Cluster target({.data_root = disk.folder()});
    move_wal(target, target.socket_dir() + "/wal");
    create_database(source, "db");
    create_database(target, "db");
    const Pair pair{"db", source.conninfo("db"), target.conninfo("db")};
    pair.source_sql(R"sql(
        create table small as select generate_series(1, 100) as a;
        create table large (id int primary key, pad text);
        insert into large select i, repeat('x', 1000) from generate_series(1, 120000) i;
        analyze;)sql");

    const auto result = run(pair, {"--chunk-size=4MB"});
    EXPECT_TRUE(refused(result, 1, {"public.large", "53100", "No space left", "free disk space"}));
    EXPECT_EQ(pair.target_sql("select count(*) > 0 from pghaul.chunk where loaded_at is not null;"),
              "t");
    disk.grow("600m");
    EXPECT_TRUE(exited(run(pair, {"--chunk-size=4MB", "--source-is-quiet"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

}  // namespace
}  // namespace pghaul::test
