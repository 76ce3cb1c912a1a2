// A table's lock for as long as a piece of it is read, inside a transaction that goes on: a
// TRUNCATE of the application waits for that piece alone, and everybody else behind it. What was
// truncated since the transaction's snapshot looks empty to it, so whether that happened is looked
// at first. Thread: the session's.
#pragma once

#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::loader {

class BriefLock {
  public:
    /// Requires: session in a transaction with a snapshot. Throws: io::Error, after which that
    /// transaction is of no use.
    BriefLock(io::Connection& session, const snapshot::TableInfo& table);

    /// The table is what the snapshot knows it as. If not, its rows are out of sight.
    bool same_file() const noexcept { return same_file_; }
    /// Lets go of the table, and of all that was locked since.
    void release();

  private:
    io::Connection& session_;
    bool same_file_ = false;
};

}  // namespace pghaul::loader
