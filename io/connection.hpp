// A connection to one server, and the only place that runs statements on it. Every wait also
// watches the run's Interrupt, so no statement outlives a request to stop.
// A connection in doubt (poisoned) is closed and reopened, never repaired. Destroying one with a
// statement in flight cancels that statement on the server first.
// Thread: one at a time; an object may move between threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/conninfo.hpp"
#include "io/dial.hpp"
#include "io/error.hpp"
#include "io/interrupt.hpp"
#include "io/result.hpp"
#include "io/session_settings.hpp"
#include "io/sql.hpp"

namespace pghaul::io {

/// One parameter of a statement in text form; nullopt is NULL.
using Param = std::optional<std::string>;
using Params = std::vector<Param>;

class Connection {
  public:
    /// Throws: Error with ExitCode::stopped if the server can't be reached, failed if it refuses
    /// us.
    static Connection open(const ConnInfo& info, const SessionSettings& settings,
                           const Interrupt& interrupt);
    Connection(Connection&&) noexcept = default;
    Connection& operator=(Connection&& other) noexcept;
    ~Connection();

    /// Runs a statement. Throws: Error with SQLSTATE, the query's name and a hint.
    Result query(const Query& query, const Params& params = {});
    /// Same, for a statement that must give exactly one row.
    Result query_row(const Query& query, const Params& params = {});
    /// Same, for exactly one row of one column, which may not be null.
    std::string query_value(const Query& query, const Params& params = {});
    /// Runs one or several statements by the simple protocol (one implicit transaction unless the
    /// text holds BEGIN); the result is the last statement's.
    Result execute(const Query& query);
    /// Same in one message for statements that are each exactly one. done: how many are over, also
    /// when one fails.
    void execute_all(std::string_view name, const std::vector<std::string>& statements,
                     std::size_t& done);
    /// For bulk values that are not text: formats as in PQexecParams, result in binary.
    Result query_binary(const Query& query, const std::vector<std::string>& binary_params,
                        const std::vector<std::uint32_t>& types);

    /// Bounds the next statements' answers from outside the server; nullopt: wait for ever.
    /// Throws later: Error (retryable, poisons) once an answer takes longer.
    void answer_within(std::optional<std::chrono::milliseconds> limit) { answer_limit_ = limit; }

    bool poisoned() const noexcept;
    bool in_transaction() const noexcept;
    int server_version() const;  // as PQserverVersion: 150018
    int server_major() const { return server_version() / 10000; }
    int backend_pid() const;
    std::string server_encoding() const;
    std::string parameter(const char* name) const;
    const std::string& server_name() const noexcept { return server_name_; }

    // --- for the copy classes of io/ only ---
    pg_conn* raw() const noexcept { return handle_.get(); }
    /// Sends one simple-protocol string; results are then taken with next_result.
    void send(const Query& query);
    /// The next result, or an empty handle when the statement is over. Throws: Error if it failed.
    ResultHandle next_result(const Query& query);
    /// Waits until the socket is readable (or writable too). Throws: Interrupted, Error.
    /// Returns true if it is readable.
    bool await_socket(bool also_writable);
    /// Waits until a lot is readable, or anything after a few milliseconds: for a server that
    /// streams.
    void await_much();
    /// True if the server has said something that nobody has read yet.
    bool has_unread_answer() const noexcept;
    /// The error of the connection itself (not of a statement); marks it poisoned.
    Error broken(std::string_view statement);
    /// Asks the server to stop what it does for us.
    void cancel() noexcept;

  private:
    Connection(ConnectionHandle handle, std::string server_name, const Interrupt& interrupt);
    Result last_result(const Query& query);
    Error statement_error(const pg_result& result, const Query& query) const;
    /// The error of a wait that was broken off from outside.
    Error forgotten();
    void drop() noexcept;
    void wake_for(int bytes) noexcept;

    ConnectionHandle handle_;
    std::string server_name_;
    const Interrupt* interrupt_ = nullptr;
    std::optional<std::chrono::milliseconds> answer_limit_;
    bool poisoned_ = false;
    int wake_for_ = 1;
};

}  // namespace pghaul::io
