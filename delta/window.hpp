// A window of changes: what is visible in snapshot `to` and not in snapshot `from`, by transaction
// id (invariant 6). Opening one takes the snapshot `to` on the source; while that transaction is
// open, keys and rows are read as of `to`.
// Thread: the one that owns the connection.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "delta/names.hpp"
#include "io/connection.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::delta {

/// A table with changes in the window.
struct Pending {
    const snapshot::TablePlan* table = nullptr;
    /// Delta rows; several may touch one key.
    std::int64_t rows = 0;
    /// The table was truncated in the window.
    bool truncated = false;
    /// Not copied yet, since it was made after the copy: all of its rows come with this window.
    bool fresh = false;
    /// It has no key, and rows were inserted only: the delta rows are all that came.
    bool only_inserts = false;
};

struct Window {
    std::string from;
    std::string to;
    /// For other sessions: `set transaction snapshot`.
    std::string exported;
    /// Where the source's WAL was when `to` was taken.
    std::string wal_position;
    std::vector<Pending> tables;

    std::int64_t rows() const;
    bool empty() const { return tables.empty(); }
};

/// The plan's captured tables by OID.
using CapturedTables = std::map<snapshot::Oid, const snapshot::TablePlan*>;

/// Tables (OIDs) that are not copied yet.
using FreshTables = std::set<snapshot::Oid>;

/// Begins a transaction on the source whose snapshot is the window's end, with the changed tables
/// locked against TRUNCATE (which would empty them for an older snapshot too).
/// Requires: source not in a transaction. Throws: io::Error.
Window open_window(io::Connection& source, const CaptureSite& site, const CapturedTables& tables,
                   const FreshTables& fresh, const std::string& from);

/// Locks the window's tables against TRUNCATE in another session that shares its snapshot.
/// Throws: io::Error, see stood_in_line().
void hold_tables(io::Connection& source, const Window& window);

/// True if a lock was not to be had within a moment: to wait longer might hold up a transaction of
/// the application that waits for us. Let go of everything, then try again.
bool stood_in_line(const io::Error& error);

/// Sees to it that the source's WAL is on disk up to a position at which a snapshot was taken: a
/// source that crashes must not forget what the target has, nor use again transaction ids that the
/// snapshot counts as seen. Requires: not in a transaction.
void flush(io::Connection& source, const std::string& wal_position);

/// The window up to now, seen by a session that holds the lock against writers on every table: each
/// of its statements sees the same rows, and it reads without standing in line behind a TRUNCATE
/// that waits for the lock. Requires: a READ COMMITTED transaction; its tables are not fresh.
Window locked_window(io::Connection& locker, const CaptureSite& site, const CapturedTables& tables,
                     const std::string& from);

/// Whether the table was truncated after what the snapshot shows.
bool truncated_since(io::Connection& source, const CaptureSite& site, snapshot::Oid table,
                     const std::string& snapshot);

/// "not txid_visible_in_snapshot(d.x, from)"
std::string not_visible_in(const std::string& snapshot, const std::string& alias);

}  // namespace pghaul::delta
