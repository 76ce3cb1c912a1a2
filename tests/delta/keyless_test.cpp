// Tables without a key: when rows are appended, and when the table is read instead.
#include "tests/delta/live_pair.hpp"

namespace pghaul::test {
namespace {

constexpr const char* kLog = R"sql(
    create table log (n int, j json);
    insert into log values (7, '{}'), (7, '{}'), (8, null);
)sql";

class Keyless : public Live {};

TEST_P(Keyless, InsertedRowsAreAppendedWithoutReadingTheTable) {
    LivePair pair(GetParam(), kLog);
    pair.target("delete from log where n = 7");
    pair.source("insert into log values (7, '{}'), (9, null), (9, null)");
    pair.catch_up();
    EXPECT_EQ(pair.ask_target("select n, count(*) from log group by n order by n"),
              "7|1\n8|1\n9|2");
}

TEST_P(Keyless, InsertsAndOtherChangesTakeTurns) {
    LivePair pair(GetParam(), kLog);
    for (const std::string changes :
         {"insert into log select * from log; insert into log values (null, null);",
          "insert into log values (7, '{}'); delete from log where n = 8;",
          "insert into log values (8, null), (8, null);", "update log set n = 8 where n = 7;",
          "truncate log; insert into log values (1, null);", "insert into log select * from log;",
          "begin; insert into log values (2, null); rollback;",
          "begin; insert into log values (3, null); delete from log where n = 3; commit;"}) {
        pair.source(changes);
        pair.catch_up();
        EXPECT_TRUE(pair.equal()) << changes;
    }
}

TEST_P(Keyless, PartitionsAreAppendedTo) {
    LivePair pair(GetParam(), R"sql(
        create table p (n int, v text) partition by range (n);
        create table p1 partition of p for values from (0) to (10);
        create table p2 partition of p for values from (10) to (20);
        insert into p select i, 'v' from generate_series(0, 19) i;
    )sql");
    pair.target("delete from p1 where n = 5");
    pair.source("insert into p values (5, 'v'), (15, 'v')");
    pair.catch_up();
    EXPECT_EQ(pair.ask_target("select count(*) from p where n = 5"), "1");
    pair.source("update p set n = n + 10 where n < 10; insert into p values (5, 'v')");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

/// A copy that was interrupted is made of several snapshots: what was inserted after the first one
/// may be in it.
TEST_P(Keyless, TablesAreReadWhileTheTargetShowsSeveralMoments) {
    LivePair pair(GetParam(), kLog);
    pair.source("insert into log values (9, null)");
    pair.target("insert into log values (9, null)");
    pair.journal().add_snapshot("later");
    pair.limit({});
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
    pair.target("delete from log where n = 7");
    pair.source("insert into log values (7, '{}')");
    pair.catch_up();
    EXPECT_EQ(pair.ask_target("select count(*) from log where n = 7"), "1");
}

TEST_P(Keyless, TablesComeWithTheMarkOfALargeWindow) {
    LivePair pair(GetParam(), std::string(kLog) + "create table keyed (id int primary key);");
    pair.limit({1, 2});
    pair.source("insert into log select * from log; insert into keyed values (1), (2), (3), (4);");
    EXPECT_TRUE(pair.catch_up().sliced);
    EXPECT_TRUE(pair.equal());
    pair.source("insert into log select * from log; delete from log where n = 8;");
    EXPECT_TRUE(pair.catch_up().sliced);
    EXPECT_TRUE(pair.equal());
}

INSTANTIATE_TEST_SUITE_P(As, Keyless, testing::Values(As::superuser, As::owner), as_name);

}  // namespace
}  // namespace pghaul::test
