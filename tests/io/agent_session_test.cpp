// An agent of the program itself, on a real server: what a connection of our own would say, it
// says.
#include "io/agent_session.hpp"

#include "io/direct_source.hpp"
#include "io/link_packer.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::io {
namespace {

using test::connect;
using test::error_of;
using test::eventually;
using test::fresh_database;
using test::psql;

const Query kFails{"fails", "select 1 / 0"};

class AgentSessionTest : public test::ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (IsSkipped()) return;
        database_ = fresh_database();
        start();
    }
    void start() {
        agent_.emplace(command_, ConnInfo::parse(database_),
                       SessionSettings{"test", "read", "UTF8", std::chrono::seconds(2), {}},
                       interrupt_);
    }
    std::string sessions() const {
        return psql(database_,
                    "select count(*) from pg_stat_activity where application_name = "
                    "'pghaul/test/read';");
    }
    /// All that a COPY gives, unpacked.
    static std::string read_all(BlockReader& reader, std::uint64_t* messages = nullptr) {
        std::string all;
        Block block;
        std::vector<char> spare;
        while (reader.read(block)) {
            reader.unpack(block, spare);
            all.append(block.bytes.begin(), block.bytes.end());
            if (messages != nullptr) *messages += block.messages;
            block = {};
        }
        return all;
    }

    std::atomic<std::uint64_t> received_{0};
    AgentCommand command_{PGHAUL_PROGRAM " agent", "1.0", {}, &received_};
    std::string database_;
    std::optional<AgentSession> agent_;
};

TEST_F(AgentSessionTest, GivesTheBytesThatAConnectionGives) {
    auto connection = connect(database_, interrupt_);
    DirectSource direct(connection);
    for (const std::string sql :
         {"copy (select i, repeat('x', i % 900) from generate_series(1, 20000) i) to stdout",
          "copy (select i, md5(i::text) from generate_series(1, 20000) i) to stdout (format "
          "binary)",
          "copy (select 1 where false) to stdout",
          "copy (select repeat('giant', 2000000)) to stdout (format binary)"}) {
        std::uint64_t messages = 0;
        std::uint64_t direct_messages = 0;
        const auto from_agent = agent_->copy_out("copy_out", sql, 4);
        const auto there = read_all(*from_agent, &messages);
        const auto from_server = direct.copy_out("copy_out", sql, 4);
        EXPECT_TRUE(there == read_all(*from_server, &direct_messages)) << sql;
        EXPECT_EQ(messages, direct_messages);
        EXPECT_EQ(from_agent->rows(), from_server->rows());
        Block block;
        EXPECT_FALSE(from_agent->read(block)) << "after the end is the end";
    }
    EXPECT_GT(received_, 100'000U);
    EXPECT_LT(received_, 4'000'000U);
}

TEST_F(AgentSessionTest, PacksHarderForALinkThatIsSlow) {
    const std::string sql =
        "copy (select i, md5(i::text), i % 1000, 'customer ' || i * 7919 % 5000, date '2026-01-01' "
        "+ i % 300, i * 7919 % 10000 from generate_series(1, 200000) i) to stdout (format binary)";
    const auto fast = read_all(*agent_->copy_out("copy_out", sql, 8));
    const std::uint64_t bytes_fast = received_.exchange(0);
    // About 6 MB/s.
    command_.command = PGHAUL_PROGRAM
        " agent | perl -e 'while (sysread(STDIN, $b, 65536)) { syswrite(STDOUT, $b); "
        "select(undef, undef, undef, 0.01) }'";
    start();
    const auto idle_before = idle_time();
    const auto began = std::chrono::steady_clock::now();
    const auto slow = read_all(*agent_->copy_out("copy_out", sql, 8));
    EXPECT_TRUE(slow == fast);
    if (idle_time() - idle_before < (std::chrono::steady_clock::now() - began) / 2) {
        GTEST_SKIP() << "this host was too busy to pack harder";
    }
    EXPECT_LT(received_, bytes_fast * 95 / 100) << "of " << fast.size();
}

TEST_F(AgentSessionTest, RunsStatementsInOneSession) {
    agent_->execute({"begin", "begin; create temp table t as select 7 as a"});
    EXPECT_EQ(agent_->query_value({"ask", "select a + $1::int from t"}, {"3"}), "10");
    EXPECT_EQ(agent_->query_value({"ask", "select coalesce($1, 'null')"}, {std::nullopt}), "null");
    agent_->execute({"commit", "commit"});
    EXPECT_EQ(agent_->query_value({"show", "show lock_timeout"}, {}), "2s");
}

TEST_F(AgentSessionTest, TellsTheServersErrorAsAConnectionDoes) {
    auto connection = connect(database_, interrupt_);
    const auto direct = error_of([&] { connection.execute(kFails); });
    const auto error = error_of([&] { agent_->execute(kFails); });
    EXPECT_EQ(error.report(), direct.report());
    EXPECT_EQ(error.sqlstate(), "22012");
    EXPECT_FALSE(error.retryable() || error.poisons_connection());
    EXPECT_EQ(agent_->query_value({"ask", "select 1"}, {}), "1") << "as usable as a connection";

    psql(database_, "create table t ();");
    auto holder = connect(database_, interrupt_);
    holder.execute({"lock", "begin; lock table public.t"});
    const auto locked = error_of([&] { agent_->execute({"lock", "begin; lock table public.t"}); });
    EXPECT_EQ(locked.sqlstate(), "55P03");
    EXPECT_TRUE(locked.retryable());
}

TEST_F(AgentSessionTest, TellsAnErrorInTheMiddleOfACopy) {
    const auto reader = agent_->copy_out("copy_out",
                                         "copy (select 1 / (90000 - i), repeat('x', 50) from "
                                         "generate_series(1, 100000) i) to stdout",
                                         4);
    const auto error = error_of([&] { read_all(*reader); });
    EXPECT_EQ(error.sqlstate(), "22012");
    EXPECT_EQ(error.statement(), "copy_out");
    EXPECT_FALSE(error.retryable());
    EXPECT_THROW(agent_->copy_out("copy_out", "select 1", 4), Error) << "no copy";
}

TEST_F(AgentSessionTest, PassesOnThatTheServerEndedTheSession) {
    const auto pid = agent_->query_value({"pid", "select pg_catalog.pg_backend_pid()"}, {});
    psql(database_, "select pg_terminate_backend(" + pid + ");");
    const auto error = error_of([&] {
        for (;;) agent_->query_value({"ask", "select 1"}, {});
    });
    EXPECT_TRUE(error.retryable() && error.poisons_connection()) << error.report();
    const auto later = error_of([&] { agent_->execute({"ask", "select 1"}); });
    EXPECT_TRUE(later.retryable() && later.poisons_connection());
}

TEST_F(AgentSessionTest, LeftInTheMiddleOfACopyEndsItOnTheServer) {
    ASSERT_EQ(sessions(), "1");
    const auto reader = agent_->copy_out(
        "copy_out", "copy (select repeat('x', 1000), generate_series(1, 100000000)) to stdout", 4);
    Block block;
    ASSERT_TRUE(reader->read(block));
    const auto began = std::chrono::steady_clock::now();
    agent_.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
    EXPECT_TRUE(eventually([&] { return sessions() == "0"; }));
}

TEST_F(AgentSessionTest, IsInterruptedWhileTheServerSaysNothing) {
    std::thread stopping([&] {
        EXPECT_TRUE(eventually([&] {
            return psql(database_,
                        "select count(*) from pg_stat_activity where application_name "
                        "= 'pghaul/test/read' and wait_event = 'PgSleep';") == "1";
        }));
        interrupt_.fire();
    });
    EXPECT_THROW(
        agent_->copy_out("copy_out", "copy (select 1, pg_catalog.pg_sleep(60)) to stdout", 4),
        Interrupted);
    stopping.join();
    agent_.reset();
    EXPECT_TRUE(eventually([&] { return sessions() == "0"; }));
}

TEST_F(AgentSessionTest, WaitsForAServerThatTakesItsTime) {
    // Longer than a silent agent is borne.
    agent_->execute({"sleep", "select pg_catalog.pg_sleep(27)"});
    EXPECT_EQ(agent_->query_value({"ask", "select 1"}, {}), "1");
}

TEST_F(AgentSessionTest, SaysWhereAServerCouldNotBeReached) {
    database_ = "host=127.0.0.1 port=1 dbname=x connect_timeout=2";
    const auto error = error_of([&] { start(); });
    EXPECT_NE(
        std::string(error.what()).find("on the agent's host: cannot connect to 127.0.0.1:1/x"),
        std::string::npos)
        << error.report();
    EXPECT_EQ(error.exit_code(), ExitCode::stopped);
    EXPECT_TRUE(error.retryable());
}

TEST_F(AgentSessionTest, PassesOnWhatTheAgentWritesToItsStandardError) {
    std::vector<std::string> lines;
    command_.command = "echo one >&2; printf 'two\\nthree' >&2; exec " PGHAUL_PROGRAM " agent";
    command_.log = [&](const std::string& line) { lines.push_back(line); };
    start();
    agent_->execute({"ask", "select 1"});
    ASSERT_GE(lines.size(), 2U);
    EXPECT_EQ(lines[0], "agent (read): one");
    EXPECT_EQ(lines[1], "agent (read): two");
}

}  // namespace
}  // namespace pghaul::io
