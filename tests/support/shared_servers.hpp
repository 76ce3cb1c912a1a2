// The servers that all tests of one binary share, made when the first test asks for one, and the
// few steps that most tests begin with.
// Thread: the main thread asks first (a cluster's server dies with the thread that started it).
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "io/connection.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/psql.hpp"

namespace pghaul::test {

inline Cluster& shared_cluster() {
    static Cluster cluster;
    return cluster;
}

/// A database of its own for one test; returns its connection string.
inline std::string fresh_database(const std::string& extra = "") {
    static int number = 0;
    const std::string name = "db" + std::to_string(++number);
    create_database(shared_cluster(), name, extra);
    return shared_cluster().conninfo(name);
}

inline io::Connection connect(const std::string& conninfo, const io::Interrupt& interrupt,
                              const std::string& client_encoding = "UTF8") {
    return io::Connection::open(io::ConnInfo::parse(conninfo),
                                {.job = "test",
                                 .role = "test",
                                 .client_encoding = client_encoding,
                                 .lock_timeout = std::chrono::milliseconds(0),
                                 .extra = {}},
                                interrupt);
}

/// Asks until the answer is yes; false if it never was within half a minute.
inline bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
}

/// Fixture for tests that need a server.
class ServerTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!find_server_bin(15)) GTEST_SKIP() << "PostgreSQL 15 server is not installed";
    }
    io::Interrupt interrupt_;
};

/// Runs `action`, which must throw an io::Error, and returns that.
template <typename Action>
io::Error error_of(Action&& action) {
    try {
        action();
    } catch (const io::Error& error) {
        return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return io::Error("none");
}

}  // namespace pghaul::test
