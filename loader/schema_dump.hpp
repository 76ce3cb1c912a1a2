// The schema's way from source to target. pg_dump knows it best, so it is asked to write it down;
// pg_restore turns the archive into SQL, and pghaul runs that itself. Reason: it then commits
// together with the journal's mark, so a crash leaves no doubt about what was made, errors come
// with a SQLSTATE whatever the server's language, and settings that an older target doesn't know
// (SET transaction_timeout) can be left out.
// Thread: one; the connection it opens on the target is its own.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "io/connection.hpp"
#include "loader/dump_tools.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::loader {

struct SchemaOptions {
    snapshot::Selection selection;
    bool no_owner = false;
    bool no_privileges = false;
    bool no_tablespaces = false;
    std::string job;
};

/// Runs `pg_dump --schema-only`. snapshot_name: as exported; empty: a snapshot of its own.
/// Returns: the archive's bytes, for the journal. Throws: io::Error.
std::string dump_schema(const DumpTools& tools, const io::ConnInfo& source,
                        const std::string& snapshot_name, const SchemaOptions& options,
                        const io::Interrupt& interrupt);

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
};

/// Entries made in one transaction. Each locks a few relations, and all locks of a transaction must
/// fit into the target's lock table: 64 per allowed connection with the default settings.
/// Source: PostgreSQL manual, max_locks_per_transaction.
inline constexpr std::int64_t kEntriesPerTransaction = 1000;

/// Makes everything that must be there before rows: schemas, types, functions, tables, views, …
/// Throws: io::Error with the entry as context and a hint.
void restore_pre_data(const DumpTools& tools, const std::string& archive,
                      const io::ConnInfo& target, const SchemaOptions& options,
                      const RestoreOptions& restore, const io::Interrupt& interrupt);

/// Foreign keys stand between the two: they need the keys of partitioned tables, and comments on
/// them need the foreign keys.
enum class RestPart {
    /// Indexes and keys of partitioned tables and materialised views, and what attaches leaves'.
    indexes,
    /// Triggers, rules, policies, comments on indexes, statistics objects, publications, …
    others,
};

/// Makes what is left after the rows. Does nothing if restore.entries_done says that all of it is
/// made.
/// built: indexes and constraints (OIDs on the source) that are there already or not wanted.
void restore_rest(const DumpTools& tools, const std::string& archive, const io::ConnInfo& target,
                  const SchemaOptions& options, RestPart part, const std::set<snapshot::Oid>& built,
                  const RestoreOptions& restore, const io::Interrupt& interrupt);

}  // namespace pghaul::loader
