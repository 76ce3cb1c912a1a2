// Keeps the delta tables on the source as small as what is still to be applied: rows that the
// target has on disk are deleted, and their room is given back. Not for: deciding what the target
// has; whoever calls it knows that the window is committed. Thread: the catch-up's.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "delta/window.hpp"
#include "io/connection.hpp"
#include "io/conninfo.hpp"
#include "io/interrupt.hpp"

namespace pghaul::delta {

class Cleaner {
  public:
    Cleaner(const io::ConnInfo& source, CaptureSite site, std::string job,
            const io::Interrupt& interrupt)
        : source_(source), site_(std::move(site)), job_(std::move(job)), interrupt_(interrupt) {}

    /// Requires: the window is committed on the target's disk (invariant 7). Throws: io::Error.
    void remove_applied(const Window& window);

    /// Its session on the source, opened when first asked for, outside any transaction.
    io::Connection& connection();
    void close() noexcept { connection_.reset(); }

  private:
    void vacuum(snapshot::Oid table, bool idle);

    const io::ConnInfo& source_;
    const CaptureSite site_;
    const std::string job_;
    const io::Interrupt& interrupt_;
    std::optional<io::Connection> connection_;
    std::map<snapshot::Oid, std::int64_t> removed_since_vacuum_;
    std::chrono::steady_clock::time_point last_shrink_;
};

}  // namespace pghaul::delta
