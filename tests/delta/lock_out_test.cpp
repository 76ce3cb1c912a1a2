// Writers are locked out within the budget, or not at all and by name.
#include "delta/lock_out.hpp"

#include <thread>

#include "io/transaction.hpp"
#include "tests/delta/delta_servers.hpp"

namespace pghaul::delta {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class LockOutTest : public test::OnVersion {
  protected:
    void SetUp() override {
        OnVersion::SetUp();
        if (!IsSkipped()) sql("create table a (id int); create table b (id int)");
    }
    std::vector<snapshot::TableInfo> tables() {
        auto source = owner();
        return test::tables_of(source);
    }
    /// Tries as the owner and gives up the locks. Returns how it went.
    std::optional<io::Error> outcome_of(const std::vector<snapshot::TableInfo>& tables,
                                        std::chrono::milliseconds budget, io::Connection source) {
        io::Transaction transaction(source);
        try {
            lock_out_writers(source, tables, budget);
        } catch (const io::Error& error) {
            return error;
        }
        return std::nullopt;
    }
    std::string locks(const std::string& condition) {
        return ask(
            "select count(*) from pg_locks where locktype = 'relation' and mode = "
            "'ShareRowExclusiveLock' and " +
            condition);
    }
};

TEST_P(LockOutTest, LocksEveryTableAndLetsReadersGoOn) {
    sql("do 'begin for i in 1..1100 loop execute ''create table t'' || i || '' (id int)''; "
        "end loop; end'; create schema \"S \"\"1\"; create table \"S \"\"1\".\"t.\nü\" (id int)");
    auto source = owner();
    const auto all = test::tables_of(source);
    ASSERT_EQ(all.size(), 1103U);
    source.execute({"settings", "set lock_timeout to '7s'; set statement_timeout to '9s'"});
    io::Transaction transaction(source);
    lock_out_writers(source, all, 5s);
    EXPECT_EQ(locks("granted"), "1103");
    EXPECT_EQ(ask("select count(*) from t1"), "0");
    EXPECT_EQ(source.query_value({"setting", "show lock_timeout"}), "7s");
    EXPECT_EQ(source.query_value({"setting", "show statement_timeout"}), "9s");
    const auto writer = test::error_of([&] {
        auto session = owner();
        session.execute({"write", "set lock_timeout to '10ms'; insert into public.t7 values (1)"});
    });
    EXPECT_EQ(writer.sqlstate(), "55P03");
    transaction.commit();
    EXPECT_EQ(locks("true"), "0");
}

TEST_P(LockOutTest, NamesTheSessionInTheWay) {
    auto writer = superuser();
    writer.execute({"write", "begin; insert into public.b  values\n(1)"});
    const auto start = Clock::now();
    const auto error = outcome_of(tables(), 700ms, superuser());
    EXPECT_LT(Clock::now() - start, 3s);
    ASSERT_TRUE(error);
    EXPECT_TRUE(error->retryable());
    EXPECT_EQ(error->exit_code(), io::ExitCode::stopped);
    EXPECT_NE(std::string(error->what()).find("locked out of 2 tables within 700 ms"),
              std::string::npos)
        << error->report();
    EXPECT_EQ(error->detail().find("public.b is held by pid " +
                                   std::to_string(writer.backend_pid()) + " (postgres, for "),
              0U)
        << error->report();
    EXPECT_TRUE(error->detail().ends_with(
        " s, idle in transaction): begin; insert into public.b values (1)"))
        << error->report();
    EXPECT_EQ(locks("true"), "0");
}

TEST_P(LockOutTest, NamesWhatARoleWithFewRightsMaySee) {
    auto writer = superuser();
    writer.execute({"write", "begin; insert into public.b values (1)"});
    const auto error = outcome_of(tables(), 300ms, owner());
    ASSERT_TRUE(error);
    EXPECT_NE(error->detail().find("public.b is held by pid " +
                                   std::to_string(writer.backend_pid()) + " (postgres)"),
              std::string::npos)
        << error->report();
}

TEST_P(LockOutTest, NamesThePreparedTransactionInTheWay) {
    ask("begin; insert into a values (1); prepare transaction 'it''s \"mine\"'");
    const auto error = outcome_of(tables(), 300ms, owner());
    ask("rollback prepared 'it''s \"mine\"'");
    ASSERT_TRUE(error);
    EXPECT_EQ(error->detail().find("public.a is held by the prepared transaction "
                                   "'it''s \"mine\"' (postgres, for "),
              0U)
        << error->report();
    EXPECT_FALSE(outcome_of(tables(), 300ms, owner()));
}

TEST_P(LockOutTest, NamesWhoLocksTheTableAsAWhole) {
    auto reader = owner();
    reader.execute({"read", "begin; select from public.a"});
    EXPECT_FALSE(outcome_of(tables(), 300ms, owner())) << "readers are not in the way";
    reader.execute({"lock", "lock table public.a in share mode"});
    const auto error = outcome_of(tables(), 300ms, owner());
    ASSERT_TRUE(error);
    EXPECT_NE(error->detail().find("lock table public.a in share mode"), std::string::npos)
        << error->report();
}

TEST_P(LockOutTest, WaitsForAWriterWhoEndsInTime) {
    auto writer = owner();
    writer.execute({"write", "begin; insert into public.b values (1)"});
    const auto all = tables();
    std::optional<io::Error> error;
    std::thread locking([&] { error = outcome_of(all, 20s, owner()); });
    EXPECT_TRUE(
        test::eventually([&] { return locks("not granted and relation = 'b'::regclass") == "1"; }));
    writer.execute({"commit", "commit"});
    locking.join();
    EXPECT_FALSE(error) << error->report();
}

TEST_P(LockOutTest, SparesWritersADeadlock) {
    sql("create table c (id int); create table d (id int)");
    const auto all = tables();
    ASSERT_EQ(all[0].name + all[1].name + all[2].name + all[3].name, "abcd");
    auto first = owner();
    first.execute({"write", "begin; insert into public.a values (1)"});
    std::optional<io::Error> error;
    std::thread locking([&] { error = outcome_of(all, 20s, owner()); });
    const auto waits_for = [&](const std::string& table) {
        return test::eventually(
            [&] { return locks("not granted and relation = '" + table + "'::regclass") == "1"; });
    };
    EXPECT_TRUE(waits_for("a"));
    auto second = owner();
    second.execute({"write", "begin; insert into public.c values (1)"});
    auto third = owner();
    third.execute({"write", "begin; insert into public.d values (1)"});
    first.execute({"commit", "commit"});
    EXPECT_TRUE(waits_for("c"));
    // Who holds on to `b` from here on makes the third writer wait, then waits for him: a second
    // after that the server ends the one who has waited longer.
    std::thread writing([&] {
        EXPECT_NO_THROW(third.execute({"write", "insert into public.b values (1)"}));
        EXPECT_NO_THROW(third.execute({"commit", "commit"}));
    });
    EXPECT_TRUE(test::eventually([&] {
        return ask("select count(*) from b") == "1" ||
               ask("select count(*) from pg_locks where relation = 'b'::regclass and "
                   "mode = 'RowExclusiveLock'") == "1";
    }));
    second.execute({"commit", "commit"});
    writing.join();
    locking.join();
    EXPECT_FALSE(error) << error->report();
    EXPECT_EQ(ask("select count(*) from b"), "1");
}

TEST_P(LockOutTest, MakesAnAutovacuumGiveWay) {
    sql("create table slow (id int) with (autovacuum_vacuum_cost_delay = 100, "
        "autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 10); "
        "insert into slow select generate_series(1, 100000); delete from slow");
    const auto* vacuums =
        "select count(*) from pg_locks where relation = 'slow'::regclass "
        "and mode = 'ShareUpdateExclusiveLock'";
    ASSERT_TRUE(test::eventually([&] { return ask(vacuums) == "1"; }));
    const auto error = outcome_of(tables(), 3s, owner());
    EXPECT_FALSE(error) << error->report();
}

TEST_P(LockOutTest, EndsForATableThatIsGone) {
    const auto all = tables();
    sql("drop table a");
    const auto error = outcome_of(all, 5s, owner());
    ASSERT_TRUE(error);
    EXPECT_EQ(error->sqlstate(), "42P01");
}

INSTANTIATE_TEST_SUITE_P(Version, LockOutTest, testing::Values(10, 13, 18), test::version_name);

}  // namespace
}  // namespace pghaul::delta
