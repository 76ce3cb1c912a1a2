// TRUNCATE on the source: what was there before goes, what came after it stays, in one transaction
// or in several.
#include <gtest/gtest.h>

#include "tests/delta/live_pair.hpp"

namespace pghaul::test {
namespace {

class Truncated : public Live {};

constexpr const char* kFilled = R"sql(
    insert into t select i, 'v' from generate_series(1, 20) i;
    insert into r select generate_series(1, 3); insert into s select i, i from generate_series(1, 3) i;
    insert into bag values (1), (1), (2), (3);
    insert into parted values (10), (70);
)sql";

TEST_P(Truncated, TablesHoldWhatCameAfter) {
    LivePair pair(GetParam(), std::string(R"sql(
        create table t (id int primary key, v text);
        create table r (id int primary key, up int references r);
        create table s (id serial primary key, r int references r);
        create table bag (a int);
        create table parted (id int primary key) partition by range (id);
        create table parted_low partition of parted for values from (0) to (50);
        create table parted_high partition of parted for values from (50) to (100);
    )sql") + kFilled);
    for (const std::string changes : {
             "truncate t;",
             "insert into t values (99, 'before'); truncate t;",
             "truncate t; insert into t values (1, 'after'), (2, 'after');",
             "begin; insert into t values (99, 'x'); truncate t; insert into t values (5, 'y'); "
             "commit;",
             "begin; truncate t; rollback; update t set v = 'kept' where id = 1;",
             "begin; savepoint a; truncate t; rollback to a; delete from t where id = 2; commit;",
             "begin; savepoint a; truncate t; release a; insert into t values (7, 'z'); commit;",
             "begin; delete from t; insert into t values (1, 'd'); truncate t; insert into t "
             "values (1, 'e'); commit; truncate t; insert into t values (3, 'f');",
             "truncate t, bag restart identity; insert into bag values (7), (7);",
             "truncate r cascade;",
             "truncate r cascade; insert into r values (9, 9); insert into s values (9, 9);",
             "truncate s; delete from r where id = 2;",
             "truncate bag; insert into bag values (4);",
             "insert into bag values (1), (1); truncate bag;",
             "truncate parted; insert into parted values (1), (60);",
             "truncate parted_low; insert into parted values (2); update parted set id = 3 where "
             "id = 70;",
         }) {
        SCOPED_TRACE(changes);
        pair.source(changes);
        EXPECT_FALSE(pair.equal());
        pair.catch_up();
        EXPECT_TRUE(pair.equal());
        pair.source(std::string("delete from t; delete from s; delete from r; delete from bag; "
                                "delete from parted;") +
                    kFilled);
        pair.catch_up();
        EXPECT_TRUE(pair.equal());
    }
}

TEST_P(Truncated, TablesHoldWhatCameAfterInSlicesToo) {
    LivePair pair(GetParam(), R"sql(
        create table t (id int primary key, v int);
        create table child (id int primary key references t on delete cascade);
        create table bag (a int);
        insert into t select i, i from generate_series(1, 50) i; insert into child values (1), (2);
        insert into bag select i % 5 from generate_series(1, 20) i;
    )sql");
    pair.limit({10, 7});
    pair.source(
        "update t set v = -1; truncate t cascade; truncate bag; insert into t select i, i "
        "from generate_series(40, 90) i; insert into child values (40), (41); insert into "
        "bag values (1), (1), (9);");
    EXPECT_TRUE(pair.catch_up().sliced);
    EXPECT_TRUE(pair.equal());
}

INSTANTIATE_TEST_SUITE_P(As, Truncated, testing::Values(As::superuser, As::owner), as_name);

}  // namespace
}  // namespace pghaul::test
