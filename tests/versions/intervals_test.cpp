// From version 17 on an interval may be infinite: its binary form would mean something else to an
// older server, so it must not travel in it.
#include <gtest/gtest.h>

#include "tests/cmd/haul_steps.hpp"
#include "tests/snapshot/source_tables.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

bool travels_in_binary(int major) {
    const Cluster cluster(ClusterOptions{.major = major, .locale = "C"});
    psql(cluster.conninfo("postgres"), "create table t (i interval);");
    const io::Interrupt interrupt;
    auto source = connect(cluster.conninfo("postgres"), interrupt);
    return table_named(source, "t").columns.front().binary_safe;
}

TEST(Intervals, TravelInBinaryOnlyWhereNoneIsInfinite) {
    EXPECT_TRUE(travels_in_binary(15));
    if (!find_server_bin(18)) {
        GTEST_SKIP() << "PostgreSQL 18 server is not installed (scripts/setup --with-versions)";
    }
    EXPECT_FALSE(travels_in_binary(18));
}

}  // namespace
}  // namespace pghaul::test
