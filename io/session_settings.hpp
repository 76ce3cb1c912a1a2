// What a session is for, how long it may wait, and the settings that make it so: the same text form
// of every type on every server, and no timeouts but our own.
// Thread: the one that opens the connection.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace pghaul::io {

class Connection;

/// What a session is for and how long it may wait; applied once, when it is opened.
struct SessionSettings {
    /// Shown as application_name "pghaul/<job>/<role>".
    std::string job;
    std::string role;
    /// Name of an encoding; empty: the server's own.
    std::string client_encoding;
    /// How long a statement may wait for a lock; 0: for ever.
    std::chrono::milliseconds lock_timeout{0};
    /// Further settings as (name, value); names that the server doesn't know are left out.
    std::vector<std::pair<std::string, std::string>> extra;
};

/// Makes them so, once, when the connection is opened. Names that a server doesn't have are
/// skipped. Throws: Error (no_go if the encodings can't be converted).
void apply_settings(Connection& connection, const SessionSettings& settings);

}  // namespace pghaul::io
