// Runs a schema's script on the target. Not left to pg_restore, because this way it commits
// together with the journal's mark, so a crash leaves no doubt about what was made; errors come
// with a SQLSTATE whatever the server's language; and settings that an older target doesn't know
// (SET transaction_timeout) can be left out.
// Thread: one, which starts others while tables are made; the connections on the target are its
// own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "io/connection.hpp"
#include "loader/schema_script.hpp"

namespace pghaul::loader {

/// How far a restore has come; given to the mark.
struct RestoreProgress {
    std::int64_t entries_done = 0;
    bool finished = false;
};

/// Notes the progress on the connection it gets, inside the transaction that made the entries.
using RestoreMark = std::function<void(io::Connection& target, const RestoreProgress& progress)>;

struct RestoreOptions {
    /// Drops the same objects first, for a target that an earlier attempt left half made. Only for
    /// pre-data, and only before anything else depends on it.
    bool clean = false;
    /// Where an earlier restore of the same archive stopped, as its mark noted.
    std::int64_t entries_done = 0;
    /// May be empty.
    RestoreMark mark;
    /// That may make tables side by side.
    int sessions = 1;
};

/// Entries made in one transaction. Each locks a few relations, and all locks of a transaction must
/// fit into the target's lock table: 64 per allowed connection with the default settings.
/// Source: PostgreSQL manual, max_locks_per_transaction.
inline constexpr std::int64_t kEntriesPerTransaction = 1000;

/// Makes the script's entries from restore.entries_done on. With nothing left to do it does
/// nothing; a script without any entry is marked as finished once. whole_database: false if the
/// user chose some tables, so that others may be missing. Throws: io::Error with the entry as
/// context and a hint.
void run_script(const SchemaScript& script, const io::ConnInfo& target, const std::string& job,
                bool whole_database, const RestoreOptions& restore, const io::Interrupt& interrupt);

}  // namespace pghaul::loader
