#include "io/connection.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <csignal>
#include <thread>

#include "io/transaction.hpp"
#include "io/waits.hpp"
#include "tests/support/shared_servers.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace pghaul::io {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::connect;
using test::error_of;
using test::eventually;
using test::fresh_database;
using test::psql;
using test::shared_cluster;
using Clock = std::chrono::steady_clock;

class ConnectionTest : public test::ServerTest {
  protected:
    static std::string admin() { return shared_cluster().conninfo("postgres"); }
    static bool backend_exists(int pid) {
        return psql(admin(), "select count(*) from pg_stat_activity where pid = " +
                                 std::to_string(pid)) == "1";
    }
};

/// Stops a process for as long as it lives.
class Frozen {
  public:
    explicit Frozen(pid_t pid) : pid_(pid) { ::kill(pid_, SIGSTOP); }
    Frozen(const Frozen&) = delete;
    Frozen& operator=(const Frozen&) = delete;
    ~Frozen() { ::kill(pid_, SIGCONT); }

  private:
    pid_t pid_;
};

TEST_F(ConnectionTest, SetsEverySessionToTheSameForms) {
    auto connection = connect(admin(), interrupt_);
    const auto setting = [&](const char* name) {
        return connection.query_value({"show", "select pg_catalog.current_setting($1)"}, {name});
    };
    EXPECT_EQ(setting("search_path"), "");
    EXPECT_EQ(setting("DateStyle"), "ISO, YMD");
    EXPECT_EQ(setting("TimeZone"), "UTC");
    EXPECT_EQ(setting("extra_float_digits"), "3");
    EXPECT_EQ(setting("row_security"), "off");
    EXPECT_EQ(setting("statement_timeout"), "0");
    EXPECT_EQ(setting("client_encoding"), "UTF8");
    EXPECT_EQ(setting("application_name"), "pghaul/test/test");
}

TEST_F(ConnectionTest, SkipsExtraSettingsThatTheServerDoesNotKnow) {
    const auto info = ConnInfo::parse(admin());
    auto connection = Connection::open(info,
                                       {.job = "j",
                                        .role = "r",
                                        .client_encoding = "",
                                        .lock_timeout = milliseconds(1234),
                                        .extra = {{"no_such_setting", "1"}, {"jit", "off"}}},
                                       interrupt_);
    EXPECT_EQ(connection.query_value({"q", "show lock_timeout"}), "1234ms");
    EXPECT_EQ(connection.query_value({"q", "show jit"}), "off");
}

TEST_F(ConnectionTest, TellsWhichOfSeveralStatementsFailed) {
    auto connection = connect(admin(), interrupt_);
    std::size_t done = 7;
    connection.execute_all("none", {}, done);
    EXPECT_EQ(done, 0U);
    connection.execute_all("three", {"select 1", "set local jit to off", "select ';'"}, done);
    EXPECT_EQ(done, 3U);
    const auto error = error_of([&] {
        connection.execute_all("four", {"select 1", "select ';'", "select 1/0", "select 2"}, done);
    });
    EXPECT_EQ(error.sqlstate(), "22012");
    EXPECT_EQ(error.statement(), "four");
    EXPECT_EQ(done, 2U);
    EXPECT_EQ(connection.query_value({"one", "select 1"}), "1");
}

TEST_F(ConnectionTest, GivesSqlstateStatementAndHintAndStaysUsable) {
    auto connection = connect(admin(), interrupt_);
    const auto error = error_of([&] { connection.query({"divide", "select 1/0"}); });
    EXPECT_EQ(error.sqlstate(), "22012");
    EXPECT_EQ(error.statement(), "divide");
    EXPECT_NE(std::string(error.what()).find("division by zero"), std::string::npos);
    EXPECT_FALSE(error.retryable());
    EXPECT_FALSE(connection.poisoned());
    EXPECT_EQ(connection.query_value({"q", "select 1"}), "1");

    // Also after an error in the middle of several statements.
    EXPECT_THROW(connection.execute({"several", "select 1; select 1/0; select 2"}), Error);
    EXPECT_EQ(connection.query_value({"q", "select 1"}), "1");
}

TEST_F(ConnectionTest, HintsAtTheMissingRight) {
    const auto database = fresh_database();
    psql(database, "create table secret(); create role reader login");
    auto connection = connect(database + " user=reader", interrupt_);
    const auto error = error_of([&] { connection.query({"q", "select from public.secret"}); });
    EXPECT_EQ(error.sqlstate(), "42501");
    EXPECT_NE(error.hint().find("grant the missing right"), std::string::npos);
}

TEST_F(ConnectionTest, RefusesResultsOfAnotherShape) {
    auto connection = connect(admin(), interrupt_);
    EXPECT_THROW(connection.query_row({"none", "select 1 where false"}), Error);
    EXPECT_THROW(connection.query_value({"null", "select null"}), Error);
    EXPECT_THROW(connection.query_value({"two", "select 1, 2"}), Error);
    EXPECT_THROW(connection.query_row({"text", "select 'x'"}).integer(0, 0), Error);
}

TEST_F(ConnectionTest, PassesNullsAndText) {
    auto connection = connect(admin(), interrupt_);
    const auto row = connection.query_row({"q", "select $1::text, $2::text"}, {std::nullopt, "ä"});
    EXPECT_TRUE(row.is_null(0, 0));
    EXPECT_EQ(row.text(0, 1), "ä");
}

TEST_F(ConnectionTest, PassesBytesInBinaryBothWays) {
    auto connection = connect(admin(), interrupt_);
    const std::string bytes("\0\xff'\\", 4);
    const auto row = connection.query_binary({"q", "select $1, $2"}, {bytes, ""}, {17, 17});
    EXPECT_EQ(row.text(0, 0), bytes);
    EXPECT_EQ(row.text(0, 1), "");
    EXPECT_FALSE(row.is_null(0, 1));
}

TEST_F(ConnectionTest, IsPoisonedWhenItsBackendWasTerminated) {
    auto connection = connect(admin(), interrupt_);
    psql(admin(), "select pg_terminate_backend(" + std::to_string(connection.backend_pid()) + ")");
    const auto error = error_of([&] { connection.query({"q", "select 1"}); });
    EXPECT_TRUE(connection.poisoned());
    EXPECT_TRUE(error.poisons_connection());
    EXPECT_TRUE(error.retryable());
    EXPECT_EQ(error.sqlstate(), "57P01");
    EXPECT_EQ(error.exit_code(), ExitCode::stopped) << "a cron job runs it again";
    EXPECT_NE(error.hint(), "");
}

TEST_F(ConnectionTest, EndsAStatementOnBothSidesWhenInterrupted) {
    std::optional<Connection> connection(connect(admin(), interrupt_));
    const int pid = connection->backend_pid();
    std::jthread stopper([&] {
        eventually([&] {
            return psql(admin(),
                        "select count(*) from pg_stat_activity where state = 'active' "
                        "and wait_event = 'PgSleep' and pid = " +
                            std::to_string(pid)) == "1";
        });
        interrupt_.fire();
    });
    const auto start = Clock::now();
    EXPECT_THROW(connection->query({"sleep", "select pg_catalog.pg_sleep(60)"}), Interrupted);
    EXPECT_TRUE(connection->poisoned());
    connection.reset();
    EXPECT_LT(Clock::now() - start, seconds(40));
    EXPECT_TRUE(eventually([&] { return !backend_exists(pid); }));
    EXPECT_NE(shared_cluster().log().find("canceling statement due to user request"),
              std::string::npos);
}

TEST_F(ConnectionTest, RunsNothingOnceInterrupted) {
    auto connection = connect(admin(), interrupt_);
    interrupt_.fire();
    EXPECT_THROW(connection.query({"q", "select 1"}), Interrupted);
    EXPECT_THROW(connect(admin(), interrupt_), Interrupted);
}

TEST_F(ConnectionTest, GivesUpOnAServerThatStopsAnswering) {
    const auto start = Clock::now();
    {
        auto connection = connect(admin(), interrupt_);
        connection.answer_within(milliseconds(300));
        EXPECT_EQ(connection.query_value({"q", "select 1"}), "1");
        // The whole server, so that the cancel request that follows goes unanswered too.
        const Frozen postmaster(shared_cluster().postmaster_pid());
        const Frozen backend(connection.backend_pid());
        const auto error = error_of([&] { connection.query({"q", "select 1"}); });
        EXPECT_TRUE(error.retryable());
        EXPECT_TRUE(connection.poisoned());
        EXPECT_EQ(error.exit_code(), ExitCode::stopped);
        const auto closed = std::move(connection);
    }
    EXPECT_LT(Clock::now() - start, seconds(20));
}

TEST_F(ConnectionTest, CanBeBrokenOffWhileItWaitsForAnAnswerThatWasLost) {
    test::TcpProxy proxy(shared_cluster().port());
    auto connection =
        connect("host=127.0.0.1 port=" + std::to_string(proxy.port()) +
                    " user=postgres dbname=postgres sslmode=disable gssencmode=disable",
                interrupt_);
    proxy.stall(/*newcomers=*/false);
    std::jthread watcher([&] {
        EXPECT_TRUE(eventually([] { return !waits_longer_than(milliseconds(100)).empty(); }));
        const auto wait = waits_longer_than(milliseconds(100)).front();
        EXPECT_EQ(wait.server, connection.server_name());
        EXPECT_EQ(wait.backend_pid, connection.backend_pid());
        auto other = wait;
        other.backend_pid = 1;
        break_off(other);
        EXPECT_FALSE(waits_longer_than(milliseconds(0)).empty()) << "the wrong one was ended";
        break_off(wait);
    });
    const auto error = error_of([&] { connection.query({"q", "select 1"}); });
    EXPECT_NE(std::string(error.what()).find("answers, but not on this connection"),
              std::string::npos)
        << error.report();
    EXPECT_TRUE(error.retryable());
    EXPECT_TRUE(connection.poisoned());
    EXPECT_EQ(error.exit_code(), ExitCode::stopped);
    EXPECT_TRUE(waits_longer_than(milliseconds(0)).empty());
}

TEST_F(ConnectionTest, ToldApartFromAServerThatRefusesUs) {
    const auto absent =
        error_of([&] { connect("host=127.0.0.1 port=1 user=x dbname=x", interrupt_); });
    EXPECT_EQ(absent.exit_code(), ExitCode::stopped);
    EXPECT_TRUE(absent.retryable());
    const auto refused =
        error_of([&] { connect(shared_cluster().conninfo("nowhere"), interrupt_); });
    EXPECT_EQ(refused.exit_code(), ExitCode::failed);
    EXPECT_FALSE(refused.retryable());
    EXPECT_NE(std::string(refused.what()).find("\"nowhere\" does not exist"), std::string::npos);
}

TEST_F(ConnectionTest, RefusesEncodingsThatCannotBeConverted) {
    const auto database = fresh_database("encoding 'LATIN1' locale 'C' template template0");
    const auto error = error_of([&] { connect(database, interrupt_, "EUC_JP"); });
    EXPECT_EQ(error.exit_code(), ExitCode::no_go);
    EXPECT_NE(std::string(error.what()).find("EUC_JP"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("LATIN1"), std::string::npos);
    EXPECT_EQ(connect(database, interrupt_, "UTF8").server_encoding(), "LATIN1");
}

TEST_F(ConnectionTest, IsReplacedByAssignmentAndCancelsWhatItDid) {
    auto connection = connect(admin(), interrupt_);
    const int pid = connection.backend_pid();
    connection.send({"sleep", "select pg_catalog.pg_sleep(60)"});
    connection = connect(admin(), interrupt_);
    EXPECT_TRUE(eventually([&] { return !backend_exists(pid); }));
    EXPECT_EQ(connection.query_value({"q", "select 1"}), "1");
}

TEST_F(ConnectionTest, RollsATransactionBackUnlessCommitted) {
    const auto database = fresh_database();
    auto connection = connect(database, interrupt_);
    connection.execute({"create", "create table public.t(x int)"});
    {
        const Transaction lost(connection);
        connection.query({"insert", "insert into public.t values (1)"});
        EXPECT_TRUE(connection.in_transaction());
    }
    EXPECT_FALSE(connection.in_transaction());
    {
        const Transaction failed(connection);
        EXPECT_THROW(connection.query({"q", "select 1/0"}), Error);
    }
    Transaction kept(connection, "isolation level repeatable read");
    connection.query({"insert", "insert into public.t values (2)"});
    kept.commit();
    EXPECT_EQ(psql(database, "select * from t"), "2");
}

}  // namespace
}  // namespace pghaul::io
