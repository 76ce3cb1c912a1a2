#include "io/dial.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/support/shared_servers.hpp"
#include "tests/support/silent_listener.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace pghaul::io {
namespace {

using std::chrono::seconds;
using test::connect;
using test::error_of;
using test::shared_cluster;
using test::SilentListener;
using Clock = std::chrono::steady_clock;

class DialTest : public test::ServerTest {
  protected:
    static std::string port() { return std::to_string(shared_cluster().port()); }
    /// Connects by a list of ports on this machine and asks who answers.
    std::string answers_on(const std::string& ports, const std::string& hosts) {
        auto connection = connect(
            "host=" + hosts + " port=" + ports + " connect_timeout=2 user=postgres dbname=postgres",
            interrupt_);
        return connection.query_value({"port", "show port"});
    }
};

TEST_F(DialTest, EndsAtOnceWhenInterruptedBeforeASilentServer) {
    for (const auto manner : {SilentListener::Manner::accepting, SilentListener::Manner::full}) {
        Interrupt interrupt;
        const SilentListener silent(manner);
        std::jthread stopper([&] {
            silent.reached(seconds(10));
            interrupt.fire();
        });
        const auto start = Clock::now();
        EXPECT_THROW(connect(silent.conninfo(), interrupt), Interrupted);
        EXPECT_LT(Clock::now() - start, seconds(2));
    }
}

/// Found by a round of faults: the answer to the question what was wrong came after the start.
TEST_F(DialTest, TakesAServerThatIsUpAMomentAfterItRefused) {
    test::TcpProxy proxy(shared_cluster().port());
    proxy.refuse_next();
    auto connection =
        connect("host=127.0.0.1 port=" + std::to_string(proxy.port()) +
                    " user=postgres dbname=postgres sslmode=disable gssencmode=disable",
                interrupt_);
    EXPECT_EQ(connection.query_value({"port", "show port"}), port());
}

TEST_F(DialTest, GivesUpOnASilentServerWhenItsTimeIsUp) {
    for (const auto manner : {SilentListener::Manner::accepting, SilentListener::Manner::full}) {
        const SilentListener silent(manner);
        const auto start = Clock::now();
        const auto error =
            error_of([&] { connect(silent.conninfo() + " connect_timeout=2", interrupt_); });
        EXPECT_GE(Clock::now() - start, seconds(2));
        EXPECT_LT(Clock::now() - start, seconds(6));
        EXPECT_EQ(error.exit_code(), ExitCode::stopped) << error.report();
        EXPECT_TRUE(error.retryable());
        EXPECT_NE(std::string(error.what()).find("timeout expired"), std::string::npos)
            << error.report();
    }
}

TEST_F(DialTest, GoesOnToTheNextHostOfAList) {
    const SilentListener accepting;
    const SilentListener full(SilentListener::Manner::full);
    const std::string three = "127.0.0.1,127.0.0.1,127.0.0.1";
    const auto start = Clock::now();
    EXPECT_EQ(answers_on("1,1," + port(), three), port());
    EXPECT_LT(Clock::now() - start, seconds(2));
    EXPECT_EQ(answers_on(full.port() + "," + port(), "127.0.0.1,127.0.0.1"), port());
    EXPECT_EQ(answers_on(accepting.port() + "," + port(), "127.0.0.1,127.0.0.1"), port());
    // Each has a time of its own, whichever way it is silent.
    EXPECT_EQ(answers_on(full.port() + "," + accepting.port() + "," + port(), three), port());
    EXPECT_EQ(answers_on(accepting.port() + "," + full.port() + "," + port(), three), port());
}

TEST_F(DialTest, GoesOnToTheNextAddressOfAListOfAddresses) {
    const SilentListener accepting;
    auto connection = connect("hostaddr=127.0.0.1,127.0.0.1 port=" + accepting.port() + "," +
                                  port() + " connect_timeout=2 user=postgres dbname=postgres",
                              interrupt_);
    EXPECT_EQ(connection.query_value({"port", "show port"}), port());
}

TEST_F(DialTest, GivesUpWhenNoHostOfAListAnswers) {
    const SilentListener one;
    const SilentListener two;
    const auto start = Clock::now();
    const auto error =
        error_of([&] { answers_on(one.port() + "," + two.port(), "127.0.0.1,127.0.0.1"); });
    EXPECT_EQ(error.exit_code(), ExitCode::stopped) << error.report();
    EXPECT_TRUE(error.retryable());
    EXPECT_LT(Clock::now() - start, seconds(10));
}

TEST_F(DialTest, RefusesATimeoutThatIsNoNumber) {
    const auto error = error_of([&] {
        connect(shared_cluster().conninfo("postgres") + " connect_timeout=soon", interrupt_);
    });
    EXPECT_EQ(error.exit_code(), ExitCode::usage);
    EXPECT_NE(std::string(error.what()).find("soon"), std::string::npos);
    EXPECT_FALSE(error.hint().empty());
}

TEST_F(DialTest, CallsAWrongPortAMistakeOfUsage) {
    const auto error = error_of([&] { connect("host=127.0.0.1 port=99999 user=x", interrupt_); });
    EXPECT_EQ(error.exit_code(), ExitCode::usage) << error.report();
    EXPECT_FALSE(error.retryable());
}

}  // namespace
}  // namespace pghaul::io
