// Many changes: what has piled up is applied in slices, and what is applied leaves no bloat behind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/delta/live_pair.hpp"

namespace pghaul::test {
namespace {

class Backlog : public Live {};

TEST_P(Backlog, OfSixHundredThousandKeysIsTakenInSlices) {
    LivePair pair(GetParam(), R"sql(
        create table t (id bigint primary key, u int unique, v text);
        insert into t select i, i, 'v' from generate_series(1, 600000) i;
        create table n (id numeric(20, 4) primary key, v int);
        insert into n select i / 8.0, i from generate_series(1, 60000) i;
        create table bag (a int, v text);
        insert into bag select i % 1000, 'b' from generate_series(1, 20000) i;
    )sql");
    pair.limit({50000, 40000});
    pair.source(R"sql(
        update t set v = 'w' where id <= 300000;
        begin; update t set u = -u where id > 300000; update t set u = 900001 + u where id > 300000;
        commit;
        delete from t where id % 10 = 0;
        update n set id = -id; delete from n where v % 3 = 0; insert into n values (1.5, 1), (1.5001, 2);
        update bag set a = a + 1 where a < 10; delete from bag where a = 500;
    )sql");
    const auto window = pair.catch_up();
    EXPECT_TRUE(window.sliced);
    EXPECT_GT(window.rows, 900000);
    EXPECT_TRUE(pair.equal());
    for (const auto* table : {"t", "n", "bag"}) EXPECT_EQ(pair.captured_of(table), "0");
}

TEST_P(Backlog, OfManyWindowsLeavesSmallDeltaTables) {
    constexpr int kWindows = 20;
    constexpr long long kMostBytes = 2 << 20;
    LivePair pair(GetParam(), R"sql(
        create table t (id int primary key, v int);
        insert into t select i, i from generate_series(1, 20000) i;
        create table p (id int primary key, v int) partition by range (id);
        create table p1 partition of p default;
        insert into p select i, i from generate_series(1, 5000) i;
    )sql");
    long long largest = 0;
    for (int i = 0; i < kWindows; ++i) {
        pair.source("update t set v = v + 1; update p set v = v + 1;");
        pair.catch_up();
        for (const auto* table : {"t", "p1"}) {
            largest =
                std::max(largest, std::stoll(pair.ask_source("select pg_total_relation_size('" +
                                                             pair.delta_of(table) + "');")));
        }
    }
    EXPECT_LT(largest, kMostBytes);
    EXPECT_TRUE(pair.equal());
}

INSTANTIATE_TEST_SUITE_P(As, Backlog, testing::Values(As::superuser, As::owner), as_name);

}  // namespace
}  // namespace pghaul::test
