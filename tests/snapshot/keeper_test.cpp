#include "snapshot/keeper.hpp"

#include <future>

#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

using test::connect;

class KeeperTest : public test::SourceTest {
  protected:
    Keeper keeper(const Selection& selection = {}) {
        return Keeper(io::ConnInfo::parse(database_), "test", selection, true, interrupt_);
    }
    /// Rows of table t in a session that has imported the snapshot.
    std::string rows_as_of(const Keeper& keeper) {
        auto stream = connect(database_, interrupt_);
        stream.execute({"import_snapshot", import_snapshot(keeper.exported())});
        return stream.query_value({"rows", "select pg_catalog.count(*) from public.t"});
    }
};

TEST_F(KeeperTest, ShowsEveryStreamTheDatabaseAsOfOneMoment) {
    sql("create table t (id int); insert into t select generate_series(1, 10)");
    Keeper keeper(io::ConnInfo::parse(database_), "test", {}, true, interrupt_);
    sql("insert into t select generate_series(1, 5)");
    EXPECT_EQ(rows_as_of(keeper), "10");
    sql("delete from t");
    EXPECT_EQ(rows_as_of(keeper), "10");
    EXPECT_EQ(test::psql(database_, "select count(*) from t"), "0");
}

TEST_F(KeeperTest, LeavesOutTransactionsThatAreStillOpen) {
    sql("create table t (id int)");
    auto writer = connect(database_, interrupt_);
    writer.execute({"write", "begin; insert into public.t values (1)"});
    Keeper keeper(io::ConnInfo::parse(database_), "test", {}, true, interrupt_);
    const auto writers_id =
        writer.query_value({"id", "select pg_catalog.pg_current_xact_id()::pg_catalog.text"});
    writer.execute({"commit", "commit"});
    EXPECT_EQ(rows_as_of(keeper), "0");
    // And says so in what it notes for the deltas.
    EXPECT_EQ(test::psql(database_, "select pg_visible_in_snapshot('" + writers_id + "', '" +
                                        keeper.visible() + "')"),
              "f");
}

TEST_F(KeeperTest, LetsOthersImportItsSnapshotBeforeItHasReadTheCatalog) {
    sql("create table t (id int); insert into t select generate_series(1, 10)");
    std::vector<std::string> counted;
    Keeper keeper(io::ConnInfo::parse(database_), "test", {}, true, interrupt_,
                  [&](const std::string& exported) {
                      auto other = connect(database_, interrupt_);
                      other.execute({"import_snapshot", import_snapshot(exported)});
                      sql("insert into t values (11)");
                      counted.push_back(
                          other.query_value({"rows", "select pg_catalog.count(*) from public.t"}));
                  });
    EXPECT_EQ(counted, std::vector<std::string>{"10"});
    EXPECT_EQ(rows_as_of(keeper), "10");
    EXPECT_EQ(keeper.catalog().tables.size(), 1U);
}

TEST_F(KeeperTest, NoticesThatTheTablesAreNotThoseThatWereSeen) {
    sql("create table t (id int); create table gone (id int); create table \"re named\" (id int)");
    auto source = connect(database_, interrupt_);
    const auto names = [&] { return list_names(source, select_relations(source, {})); };
    const auto before = names();
    const auto exported_with = [&](const std::vector<TableInfo>& seen) {
        int exported = 0;
        Keeper keeper(
            io::ConnInfo::parse(database_), "test", {}, true, interrupt_,
            [&](const std::string&) { ++exported; }, seen);
        EXPECT_EQ(keeper.catalog().tables.size(), names().size());
        EXPECT_EQ(test::psql(database_,
                             "select count(distinct l.relation) from pg_locks l join pg_class c on "
                             "c.oid = l.relation where c.relnamespace = 'public'::regnamespace "
                             "and l.mode = 'AccessShareLock'"),
                  std::to_string(names().size()));
        return exported;
    };
    EXPECT_EQ(exported_with(before), 1);
    sql("create table new (id int)");
    EXPECT_EQ(exported_with(before), 2);
    EXPECT_EQ(exported_with(names()), 1);
    const auto all = names();
    sql("alter table \"re named\" rename to other");
    EXPECT_EQ(exported_with(all), 1) << "there is nothing to lock by the old name";
    sql("drop table gone");
    EXPECT_EQ(exported_with(all), 1);
}

TEST_F(KeeperTest, LetsNobodyTruncateOrDropAChosenTableWhileItIsHeld) {
    sql("create table t (id int); create table other (id int)");
    Keeper keeper(io::ConnInfo::parse(database_), "test",
                  {.schemas = {}, .exclude_schemas = {}, .tables = {"t"}, .exclude_tables = {}},
                  true, interrupt_);
    EXPECT_ANY_THROW(sql("set lock_timeout = '50ms'; truncate t"));
    EXPECT_ANY_THROW(sql("set lock_timeout = '50ms'; drop table t"));
    sql("set lock_timeout = '5s'; insert into t values (1); truncate other");
    keeper.release();
    keeper.release();
    EXPECT_TRUE(test::eventually([&] {
        return test::psql(database_,
                          "select count(*) from pg_stat_activity where "
                          "application_name = 'pghaul/test/keeper'") == "0";
    }));
    sql("set lock_timeout = '5s'; truncate t");
}

TEST_F(KeeperTest, KnowsWhetherTheSnapshotIsStillHeld) {
    Keeper lost(io::ConnInfo::parse(database_), "test", {}, true, interrupt_);
    EXPECT_TRUE(lost.is_held());
    sql("select pg_terminate_backend(" + std::to_string(lost.connection().backend_pid()) + ")");
    EXPECT_TRUE(test::eventually([&] { return !lost.is_held(); }));
    Keeper released(io::ConnInfo::parse(database_), "test", {}, true, interrupt_);
    released.release();
    EXPECT_FALSE(released.is_held());
}

TEST_F(KeeperTest, LocksMoreTablesThanOneStatementNames) {
    sql("do $$ begin for i in 1..750 loop execute format('create table t%s ()', i); end loop; "
        "end $$");
    Keeper keeper(io::ConnInfo::parse(database_), "test", {}, true, interrupt_);
    EXPECT_EQ(test::psql(database_,
                         "select count(*) from pg_locks l join pg_class c on "
                         "c.oid = l.relation where c.relname ~ '^t[0-9]+$' and "
                         "l.mode = 'AccessShareLock'"),
              "750");
}

TEST_F(KeeperTest, TakesNoLocksWhenTheyWouldNotFit) {
    const int capacity = 64 * 60;
    sql("do $$ begin for i in 1.." + std::to_string(capacity / 2) +
        " loop execute format('create table t%s ()', i); "
        "if i % 500 = 0 then commit; end if; end loop; end $$");
    Keeper keeper(io::ConnInfo::parse(database_), "test", {}, true, interrupt_);
    EXPECT_EQ(test::psql(database_,
                         "select count(*) from pg_locks l join pg_class c on "
                         "c.oid = l.relation where c.relname ~ '^t[0-9]+$'"),
              "0");
    EXPECT_EQ(keeper.catalog().tables.size(), static_cast<std::size_t>(capacity / 2));
}

TEST_F(KeeperTest, NamesTheSessionThatLocksATableAndStops) {
    sql("create table t (id int)");
    auto holder = connect(database_, interrupt_);
    holder.execute({"lock", "begin; lock table public.t in access exclusive mode /* migration */"});
    const auto error = test::error_of([&] { keeper(); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::stopped);
    EXPECT_EQ(error.sqlstate(), "55P03");
    const auto report = error.report();
    EXPECT_NE(report.find("public.t is held by pid " + std::to_string(holder.backend_pid())),
              std::string::npos)
        << report;
    EXPECT_NE(report.find("migration"), std::string::npos) << report;
    EXPECT_FALSE(error.hint().empty());
}

TEST_F(KeeperTest, LooksAgainWhenATableIsDroppedBeforeItIsLocked) {
    // The drop holds the table's lock while the keeper waits for it, then commits.
    sql("create table t (id int); create table u (id int)");
    auto dropper = connect(database_, interrupt_);
    dropper.execute({"drop", "begin; drop table public.t"});
    auto taken = std::async(std::launch::async, [&] {
        Keeper taking(io::ConnInfo::parse(database_), "test", {}, true, interrupt_);
        return taking.catalog().tables.size();
    });
    EXPECT_TRUE(test::eventually([&] {
        return test::psql(database_,
                          "select count(*) from pg_stat_activity where "
                          "application_name = 'pghaul/test/keeper' and "
                          "wait_event_type = 'Lock'") == "1";
    }));
    dropper.execute({"commit", "commit"});
    EXPECT_EQ(taken.get(), 1U);
}

TEST_F(KeeperTest, LooksAgainWhenATableIsRenamedBeforeItIsLocked) {
    sql("create table t (id int)");
    auto renamer = connect(database_, interrupt_);
    renamer.execute({"rename", "begin; alter table public.t rename to renamed"});
    auto taken = std::async(std::launch::async, [&] {
        Keeper taking(io::ConnInfo::parse(database_), "test", {}, true, interrupt_);
        return taking.catalog().tables.front().name;
    });
    EXPECT_TRUE(test::eventually([&] {
        return test::psql(database_,
                          "select count(*) from pg_stat_activity where "
                          "application_name = 'pghaul/test/keeper' and "
                          "wait_event_type = 'Lock'") == "1";
    }));
    renamer.execute({"commit", "commit"});
    EXPECT_EQ(taken.get(), "renamed");
}

}  // namespace
}  // namespace pghaul::snapshot
