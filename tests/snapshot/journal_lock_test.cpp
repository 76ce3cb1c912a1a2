// One run at a time: who holds a job, and what happens to a holder that died.
#include "io/transaction.hpp"
#include "tests/snapshot/journals.hpp"

namespace pghaul::snapshot {
namespace {

using test::begun_job;
using test::error_of;
using test::psql;

class JournalLock : public test::ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (!IsSkipped()) database_ = test::fresh_database();
    }
    Journal open(const std::string& job = "job") {
        return Journal::open(io::ConnInfo::parse(database_), job, interrupt_);
    }
    std::string database_;
};

TEST_F(JournalLock, KeepsASecondRunOutAndNamesTheHolder) {
    auto holder = begun_job(database_, interrupt_);
    auto second = open();
    EXPECT_TRUE(second.is_running());
    const auto error = error_of([&] { second.lock(); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::stopped);
    const auto report = error.report();
    EXPECT_NE(report.find("session " + std::to_string(holder.connection().backend_pid())),
              std::string::npos)
        << report;
    EXPECT_NE(report.find("127.0.0.1"), std::string::npos) << report;
    EXPECT_NE(report.find("process me"), std::string::npos) << report;
    EXPECT_FALSE(error.hint().empty());
}

TEST_F(JournalLock, IsOnePerJobAndDatabase) {
    auto holder = begun_job(database_, interrupt_, "a");
    auto other_job = open("b");
    EXPECT_FALSE(other_job.is_running());
    other_job.lock();
    EXPECT_TRUE(other_job.is_running());
    auto other_database =
        Journal::open(io::ConnInfo::parse(test::fresh_database()), "a", interrupt_);
    EXPECT_FALSE(other_database.is_running());
    other_database.lock();
}

TEST_F(JournalLock, GoesWithTheHoldersSession) {
    { auto holder = begun_job(database_, interrupt_); }
    auto next = open();
    next.lock();
    EXPECT_TRUE(next.is_running());
}

TEST_F(JournalLock, EndsTheSessionsThatAKilledRunLeftBehind) {
    { auto holder = begun_job(database_, interrupt_); }
    const auto leftover = [&](const std::string& job) {
        return io::Connection::open(io::ConnInfo::parse(database_),
                                    {job, "write 1", "UTF8", std::chrono::milliseconds(0), {}},
                                    interrupt_);
    };
    auto left = leftover("job");
    auto others = leftover("job2");
    left.execute({"begin", "begin; update pghaul.chunk set rows = 1"});
    auto next = open();
    next.lock();
    // Its transaction holds nothing any more by the time the lock is ours.
    psql(database_, "set lock_timeout = '1s'; update pghaul.chunk set rows = 2");
    EXPECT_THROW(left.execute({"commit", "commit"}), io::Error);
    EXPECT_NO_THROW(others.execute({"look", "select 1"})) << "job2 only begins like job";
}

TEST_F(JournalLock, IsTakenAgainWhenTheSessionIsLost) {
    auto holder = begun_job(database_, interrupt_);
    const auto pid = std::to_string(holder.connection().backend_pid());
    psql(database_, "select pg_terminate_backend(" + pid + ", 10000)");
    EXPECT_EQ(holder.missing_chunks(), 5) << "goes on with a new session";
    EXPECT_NE(std::to_string(holder.connection().backend_pid()), pid);
    EXPECT_EQ(error_of([&] { open().lock(); }).exit_code(), io::ExitCode::stopped);
}

TEST_F(JournalLock, LosesTheJobWhenAnotherRunTookItMeanwhile) {
    auto holder = begun_job(database_, interrupt_);
    psql(database_, "select pg_terminate_backend(" +
                        std::to_string(holder.connection().backend_pid()) + ", 10000)");
    {
        auto next = open();
        next.lock();
        next.begin_run("next", "0.1");
    }
    // The lock is free again, but the job has moved on without us.
    const auto error = error_of([&] { holder.set_phase(Phase::copying); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::stopped);
    EXPECT_NE(error.report().find("taken over"), std::string::npos) << error.report();
    EXPECT_EQ(psql(database_, "select phase from pghaul.job"), "created");
}

TEST_F(JournalLock, IsWaitedForWhileItsFormerSessionLingers) {
    auto holder = begun_job(database_, interrupt_);
    psql(database_, "select pg_terminate_backend(" +
                        std::to_string(holder.connection().backend_pid()) + ", 10000)");
    {
        auto lingering = open();
        lingering.lock();
        const auto error = error_of([&] { holder.missing_chunks(); });
        EXPECT_TRUE(error.retryable()) << error.report();
        EXPECT_EQ(error.exit_code(), io::ExitCode::stopped);
        EXPECT_NE(error.report().find("still locked"), std::string::npos) << error.report();
        EXPECT_TRUE(error_of([&] { holder.missing_chunks(); }).retryable())
            << "it never goes on without the lock";
    }
    EXPECT_EQ(holder.missing_chunks(), 5);
}

TEST_F(JournalLock, EndsTheSessionsOfOneRoleAlone) {
    auto holder = begun_job(database_, interrupt_);
    const auto session = [&](const std::string& role) {
        return io::Connection::open(io::ConnInfo::parse(database_),
                                    {"job", role, "UTF8", std::chrono::milliseconds(0), {}},
                                    interrupt_);
    };
    auto schema = session("schema");
    auto watch = session("watch");
    end_leftover_sessions(holder.connection(), "job", interrupt_, "schema");
    EXPECT_THROW(schema.execute({"look", "select 1"}), io::Error);
    EXPECT_NO_THROW(watch.execute({"look", "select 1"}));
}

TEST_F(JournalLock, NumbersRuns) {
    {
        auto first = begun_job(database_, interrupt_);
        EXPECT_EQ(first.run(), 1);
    }
    auto second = open();
    second.lock();
    EXPECT_EQ(second.begin_run("me", "0.2"), 2);
    EXPECT_EQ(second.find()->version, "0.2");
}

}  // namespace
}  // namespace pghaul::snapshot
