// Reaches a server: from connection settings to a session that is authenticated, or to an error
// that says whether trying again can help. libpq's own loop for this can't be interrupted, so the
// waiting is done here; which hosts and addresses are tried, in which order, stays libpq's choice.
// Not for: what a session is then used for (connection.hpp).
// Thread: any.
#pragma once

#include <memory>
#include <string>

#include "io/conninfo.hpp"
#include "io/interrupt.hpp"

struct pg_conn;

namespace pghaul::io {

struct FinishConnection {
    void operator()(pg_conn* connection) const noexcept;
};
using ConnectionHandle = std::unique_ptr<pg_conn, FinishConnection>;

/// connect_timeout holds per address, as in libpq. (Name resolution is the system's own and takes
/// as long as its resolver is set to.)
/// Throws: Error with ExitCode::stopped if the server can't be reached, failed if it refuses us;
/// Interrupted.
ConnectionHandle dial(ConnInfo info, const Interrupt& interrupt);

/// host:port/dbname of a connection, also of one that failed: for messages.
std::string server_name(pg_conn* connection);

/// What libpq last said about a connection, in one piece and without a severity.
std::string connection_message(pg_conn* connection);
/// The same for a message that libpq has given.
std::string plain_message(const char* message);

}  // namespace pghaul::io
