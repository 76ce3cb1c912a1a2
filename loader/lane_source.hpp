// A stream's sessions on the source, each in a transaction with the run's snapshot: for rows a
// connection of its own or an agent, whichever the run uses; for large objects always a connection.
// Opened when first asked for, left and closed together.
// Thread: the stream's.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "io/agent_session.hpp"
#include "io/connection.hpp"
#include "io/direct_source.hpp"

namespace pghaul::loader {

struct LaneSetup;

class LaneSource {
  public:
    /// number: the stream's, as it is shown.
    LaneSource(int number, const LaneSetup& setup) : number_(number), setup_(setup) {}

    /// Both are in the snapshot. Throws: io::Error, SnapshotLost.
    io::CopySource& rows();
    io::Connection& connection();

    /// Leaves locks of earlier work behind where tables are locked one by one.
    void make_room_for(std::size_t tables);
    /// Ends the transactions; the next call above begins one with the same snapshot.
    void leave_snapshot();
    void close() noexcept;

  private:
    io::SessionSettings settings() const;
    void import_snapshot(io::CopySource& source);

    int number_;
    const LaneSetup& setup_;
    std::optional<io::Connection> connection_;
    std::optional<io::DirectSource> direct_;
    std::optional<io::AgentSession> agent_;
    bool connection_in_snapshot_ = false;
    bool agent_in_snapshot_ = false;
    std::size_t tables_locked_ = 0;
};

}  // namespace pghaul::loader
