// The steps that end-to-end tests are told in: make two databases, run the real program on them,
// hold it at a known moment, look at both ends.
//
// One pair of servers serves all tests of a program; each test has databases of its own there.
// Thread: the main thread asks for the servers first (they die with the thread that started them).
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/equality.hpp"
#include "tests/support/process.hpp"
#include "tests/support/psql.hpp"

namespace pghaul::test {

using Arguments = std::vector<std::string>;

Cluster& source_server();
Cluster& target_server();
/// Roles belong to a whole server: makes them on both, once. `sql` runs only the first time.
void on_both_servers(const std::string& sql);

/// A source and a target database, each new, with one name that no other test uses.
struct Pair {
    std::string name;
    std::string source;
    std::string target;
    std::string source_sql(const std::string& sql) const { return psql(source, sql); }
    std::string target_sql(const std::string& sql) const { return psql(target, sql); }
};

/// `sql` fills the source; the options are appended to CREATE DATABASE.
Pair fresh_pair(const std::string& sql = "", const std::string& source_options = "",
                const std::string& target_options = "");

/// Runs pghaul with these arguments to its end.
ProcessResult pghaul(const Arguments& arguments, const Environment& env = {});
/// The arguments of "pghaul run --no-capture" on a pair, for ChildProcess too (argv[0] first).
Arguments run_argv(const Pair& pair, const Arguments& more = {});
ProcessResult run(const Pair& pair, const Arguments& more = {}, const Environment& env = {});
ProcessResult drop(const Pair& pair);

/// Whether a process exited by itself with that code; says what it wrote if not.
testing::AssertionResult exited(const ProcessResult& result, int code);
/// Whether it refused as the contract wants: that code, one error that holds all `words`, a hint.
testing::AssertionResult refused(const ProcessResult& result, int code, const Arguments& words);
testing::AssertionResult holds(const std::string& text, const std::string& words);

/// Whether both ends of a pair hold the same rows, and schema if asked.
testing::AssertionResult equal(const Pair& pair, bool schema = false);
/// Sessions of pghaul on that server, one a line; empty when there are none.
std::string pghaul_sessions(const Cluster& cluster);
bool no_sessions_left();
/// The only job's phase as the journal has it.
std::string phase(const Pair& pair);
/// The fewest chunks that any of the loaded tables was cut into.
int fewest_chunks(const Pair& pair);

/// A table whose rows stop on the target at id 5000 for as long as a Gate is closed: its check
/// constraint waits there for an advisory lock. With --chunk-size=1MB it makes several chunks.
std::string gated_table(int rows = 20000);

/// Holds a lock in a session of its own.
class Holder {
  public:
    /// Runs `sql` and stays connected until let go.
    Holder(const std::string& conninfo, const std::string& sql);
    void let_go() { session_.reset(); }
    int pid() const { return session_->backend_pid(); }

  private:
    io::Interrupt interrupt_;
    std::unique_ptr<io::Connection> session_;
};

/// While it is closed, rows of a gated table do not pass on the target.
class Gate {
  public:
    explicit Gate(const Pair& pair);
    /// Waits until a stream of the run stands before the gate.
    bool reached() const;
    void open() { holder_.let_go(); }

  private:
    std::string target_;
    Holder holder_;
};

/// Fixture for tests that need both servers.
class HaulTest : public testing::Test {
  protected:
    void SetUp() override;
};

}  // namespace pghaul::test
