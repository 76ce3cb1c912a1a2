// Where a stream's rows come from: sessions on the source, each in a transaction with the run's
// snapshot, or an export's files. For rows a connection of its own or an agent, whichever the run
// uses; for large objects always a connection. Opened when first asked for, left and closed
// together.
// Thread: the stream's.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "io/agent_session.hpp"
#include "io/connection.hpp"
#include "io/direct_source.hpp"
#include "loader/file_source.hpp"
#include "loader/work_queue.hpp"

namespace pghaul::loader {

/// What all streams share about it.
struct RowsFrom {
    const io::ConnInfo& source;
    const snapshot::Plan& plan;
    /// The exported snapshot; empty if nothing is left to read.
    const std::string& exported;
    const std::string& job;
    const io::Interrupt& interrupt;
    /// How agents that bring the rows are started; null: rows come over connections of our own.
    const io::AgentCommand* via = nullptr;
    /// Where rows are instead of on a server; null: they are there.
    const ExportFiles* files = nullptr;
};

class LaneSource {
  public:
    /// number: the stream's, as it is shown.
    LaneSource(int number, const RowsFrom& from);

    /// What the chunk is read from; a session is in the snapshot. Throws: io::Error, SnapshotLost.
    io::CopySource& rows(const TableChunk& chunk);
    /// Announces what rows() will be asked for next, one chunk after the other.
    void expect(const std::vector<TableChunk>& chunks);
    io::Connection& connection();
    /// True if tables must be locked one by one.
    bool locks_tables() const;

    /// Leaves locks of earlier work behind where tables are locked one by one.
    void make_room_for(std::size_t tables);
    /// Ends the transactions; the next call above begins one with the same snapshot.
    void leave_snapshot();
    void close() noexcept;

  private:
    io::SessionSettings settings() const;
    io::CopySource& session();
    void import_snapshot(io::CopySource& source);

    int number_;
    const RowsFrom from_;
    std::optional<FileSource> files_;
    std::optional<io::Connection> connection_;
    std::optional<io::DirectSource> direct_;
    std::optional<io::AgentSession> agent_;
    bool connection_in_snapshot_ = false;
    bool agent_in_snapshot_ = false;
    std::size_t tables_locked_ = 0;
};

}  // namespace pghaul::loader
