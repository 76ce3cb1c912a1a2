// A session that exports a snapshot and holds it, and ACCESS SHARE on some tables, until it is
// destroyed: everybody who imports the snapshot sees the database as of one moment. Works on either
// server. Not for the copy's image, whose catalog must fit the snapshot too: that is keeper.hpp.
// Thread: one at a time; those who import it may be any.
#pragma once

#include <string>
#include <vector>

#include "io/connection.hpp"

namespace pghaul::snapshot {

class HeldSnapshot {
  public:
    /// tables: qualified and quoted; those that don't exist are left out, and all are left unlocked
    /// where they would fill more than half of the server's lock table.
    /// Throws: io::Error, with the lock's holder when a table stays locked.
    HeldSnapshot(const io::ConnInfo& server, const std::string& job, const std::string& role,
                 const std::vector<std::string>& tables, const io::Interrupt& interrupt);

    /// Holds the moment that another session exports beyond that session's end, without locks.
    /// Throws: SnapshotLost, io::Error.
    static HeldSnapshot share(const io::ConnInfo& server, const std::string& job,
                              const std::string& role, const std::string& exported,
                              const io::Interrupt& interrupt);

    /// What `set transaction snapshot` takes.
    const std::string& exported() const noexcept { return exported_; }
    /// The session itself, in the snapshot's transaction.
    io::Connection& connection() { return connection_; }

  private:
    explicit HeldSnapshot(io::Connection connection);

    io::Connection connection_;
    std::string exported_;
};

/// Opens a session whose one transaction sees the exported snapshot, read only.
/// Throws: SnapshotLost if the session that holds the snapshot is gone, else io::Error.
io::Connection open_in_snapshot(const io::ConnInfo& server, const io::SessionSettings& settings,
                                const std::string& exported, const io::Interrupt& interrupt);

}  // namespace pghaul::snapshot
