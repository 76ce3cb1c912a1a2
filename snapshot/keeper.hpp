// The keeper of the consistent image: one session on the source that exports a snapshot and holds
// it, and ACCESS SHARE on the chosen tables, until the last chunk has been read. Streams import
// the snapshot; they all see the database as of one moment.
// Thread: the run's main thread; release() also from a stream.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::snapshot {

class Keeper {
  public:
    /// Locks the tables, then takes the snapshot, then reads the catalog in it; repeats that, with
    /// a bound, when a table came or went in between.
    /// hold_tables: false takes no locks, for a source whose changes are captured; only then has
    /// the catalog digests of the tables' shapes.
    /// on_exported: called when others can import the snapshot, before the catalog is read; again
    /// with another one if that was in vain.
    /// seen: the tables as a catalog had them shortly before; if they are still these, their names
    /// need not be read again before they are locked. Empty: not known.
    /// Throws: io::Error, with the lock's holder when a table stays locked.
    Keeper(const io::ConnInfo& source, const std::string& job, const Selection& selection,
           bool hold_tables, const io::Interrupt& interrupt,
           const std::function<void(const std::string& exported)>& on_exported = {},
           std::vector<TableInfo> seen = {});

    /// What `set transaction snapshot` takes.
    const std::string& exported() const noexcept { return exported_; }
    /// Which transactions it shows: pg_current_snapshot()'s text.
    const std::string& visible() const noexcept { return visible_; }
    /// The catalog as of the snapshot; moved out by the planner.
    Catalog& catalog() noexcept { return catalog_; }
    /// The session itself, in the snapshot's transaction.
    io::Connection& connection() { return *connection_; }

    /// Whether it is: asks the server. False also when the connection is lost.
    bool is_held() noexcept;

    /// Ends the transaction: the source may vacuum again. Idempotent; never throws.
    void release() noexcept;

  private:
    bool try_take(const Selection& selection, const std::vector<TableInfo>& before,
                  bool hold_tables, const std::function<void(const std::string&)>& on_exported);
    void lock_tables(const std::vector<TableInfo>& tables);

    std::mutex mutex_;
    std::optional<io::Connection> connection_;
    const io::Interrupt* interrupt_;
    std::string exported_;
    std::string visible_;
    Catalog catalog_;
};

/// The exported snapshot is gone, since its keeper's session ended. What is loaded stays; what is
/// not needs a new snapshot, of a later moment.
class SnapshotLost : public io::Error {
  public:
    using io::Error::Error;
};

/// Statement that makes a stream's transaction see the exported snapshot.
std::string import_snapshot(const std::string& exported);

}  // namespace pghaul::snapshot
