#include "snapshot/held_snapshot.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "snapshot/keeper.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

using test::error_of;

class HeldSnapshotTest : public test::SourceTest {
  protected:
    HeldSnapshot hold(const std::vector<std::string>& tables = {}) {
        return {io::ConnInfo::parse(database_), "job", "moment", tables, interrupt_};
    }
    io::Connection import(const HeldSnapshot& held) {
        return open_in_snapshot(io::ConnInfo::parse(database_), {"job", "reader", "UTF8", {}, {}},
                                held.exported(), interrupt_);
    }
    static std::string rows_in(io::Connection& reader) {
        return reader.query_value({"count", "select pg_catalog.count(*) from public.t"});
    }
};

TEST_F(HeldSnapshotTest, ShowsAllItsReadersOneMoment) {
    sql("create table t as select 1 as a");
    const auto held = hold({"\"public\".\"t\""});
    auto before = import(held);
    sql("insert into t values (2)");
    auto after = import(held);
    EXPECT_EQ(rows_in(before), "1");
    EXPECT_EQ(rows_in(after), "1");
    EXPECT_EQ(rows_in(source()), "2");
    EXPECT_EQ(error_of([&] {
                  after.execute({"write", "delete from public.t"});
              }).sqlstate(),
              "25006");
}

TEST_F(HeldSnapshotTest, KeepsItsTablesFromBeingTruncated) {
    sql("create table t as select 1 as a; create table other as select 1 as a");
    {
        const auto held = hold({"\"public\".\"t\"", "\"gone\".\"t\""});
        source().execute({"timeout", "set lock_timeout to 50"});
        source().execute({"truncate", "truncate public.other"});
        const auto error = error_of([&] { source().execute({"truncate", "truncate public.t"}); });
        EXPECT_EQ(error.sqlstate(), "55P03");
    }
    source().execute({"timeout", "set lock_timeout to 0"});
    source().execute({"truncate", "truncate public.t"});
}

TEST_F(HeldSnapshotTest, SaysSoWhenTheSessionThatHeldItIsGone) {
    std::optional<HeldSnapshot> held(hold());
    auto reader = import(*held);
    const HeldSnapshot other = hold();
    EXPECT_THROW(
        {
            const auto exported = held->exported();
            held.reset();
            open_in_snapshot(io::ConnInfo::parse(database_), {"job", "late", "UTF8", {}, {}},
                             exported, interrupt_);
        },
        SnapshotLost);
    EXPECT_EQ(reader.query_value({"look", "select 1"}), "1") << "those that have it go on";
    import(other);
}

}  // namespace
}  // namespace pghaul::snapshot
