// The one family of errors. An Error says what happened in its own words (what()) and carries
// properties that decide what to do about it: retry, reopen the connection, which exit code.
// It is caught in two places only: the lane (retry) and main (report, exit code).
// Not for: bugs in pghaul itself; those are std::logic_error and end as exit code 1.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace pghaul::io {

/// The exit codes of the command line contract.
enum class ExitCode : int {
    done = 0,
    failed = 1,
    usage = 2,
    no_go = 3,
    differences = 4,
    stopped = 75,
};

/// Base of everything pghaul throws on purpose; built with the chained setters.
class Error : public std::runtime_error {
  public:
    explicit Error(const std::string& message) : std::runtime_error(message) {}

    Error& sqlstate(std::string_view value);
    Error& statement(std::string_view value);
    Error& detail(std::string_view value);
    Error& hint(std::string_view value);
    /// Adds which table, chunk or phase it happened in; the outermost context is printed first.
    Error& context(std::string_view value);
    Error& retryable(bool value);
    Error& poisons_connection(bool value);
    Error& exit_code(ExitCode value);

    const std::string& sqlstate() const noexcept { return sqlstate_; }
    const std::string& statement() const noexcept { return statement_; }
    const std::string& detail() const noexcept { return detail_; }
    const std::string& hint() const noexcept { return hint_; }
    const std::string& context() const noexcept { return context_; }
    /// True if the same work may succeed when it is simply done again.
    bool retryable() const noexcept { return retryable_; }
    /// True if the connection's state is in doubt: close it, never repair it.
    bool poisons_connection() const noexcept { return poisons_connection_; }
    ExitCode exit_code() const noexcept { return exit_code_; }

    /// The whole message for a person: "context: what (sqlstate S, statement N)\nDETAIL: …\nHINT:
    /// …".
    std::string report() const;

  private:
    std::string sqlstate_;
    std::string statement_;
    std::string detail_;
    std::string hint_;
    std::string context_;
    bool retryable_ = false;
    bool poisons_connection_ = false;
    ExitCode exit_code_ = ExitCode::failed;
};

/// Thrown out of every wait once the run's Interrupt has fired.
class Interrupted : public Error {
  public:
    Interrupted();
};

/// True for the SQLSTATEs after which the same transaction may succeed when done again:
/// lost connections, serialization failures, deadlocks, lock timeouts, server restarts.
/// Source: PostgreSQL manual, appendix A "Error Codes".
bool is_retryable_sqlstate(std::string_view sqlstate);

/// The fix that fits a SQLSTATE in most cases; empty if there is no general one.
std::string_view general_hint(std::string_view sqlstate);

}  // namespace pghaul::io
