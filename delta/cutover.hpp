// Cutover: the moment at which the target takes over. Writers are locked out of the source, the
// last changes are applied, the fence is put up and the target's triggers and foreign keys get
// their source state. Until the fence is committed everything can be taken back, and is, if
// anything fails or the pause grows too long; from then on every step may be done again.
//
//   catch up ─► lock writers out ─► last window ─► fence ─commit─► target's own state ─► mark
//                 └──────────── any failure: all released, source writable ────────────┘
// Thread: the run's main thread.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "delta/catch_up.hpp"
#include "delta/target_guards.hpp"

namespace pghaul::delta {

struct CutoverSetup {
    const io::ConnInfo& source;
    const io::ConnInfo& target;
    const snapshot::Plan& plan;
    const CaptureSite& site;
    std::string job;
    /// "host:port/database", for those whose writes the fence refuses.
    std::string moved_to;
    /// Longest time that writers wait for us in one attempt to lock them out.
    std::chrono::milliseconds lock_budget{3000};
    /// From the first lock to the fence; exceeded, everything is taken back.
    std::chrono::milliseconds max_pause{30'000};
    /// Checks with writers locked out, before anything is changed; throws what forbids to go on.
    /// The session that holds the locks is the only one that may look at the tables: any other
    /// stands in line behind a TRUNCATE that waits for it.
    std::function<void(io::Connection& locker)> check;
    /// What must be done with writers locked out and the last changes applied: sequences, large
    /// objects. Must be repeatable.
    std::function<void()> finish_data;
    const io::Interrupt& interrupt;
};

struct CutoverResult {
    /// From the request for the first lock to the fence's commit.
    std::chrono::milliseconds pause{0};
    /// Of it, until all locks were held.
    std::chrono::milliseconds lock_wait{0};
    int attempts = 0;
    /// Captured changes that were applied while writers waited.
    std::int64_t last_changes = 0;
};

/// The plan's tables that are captured, and so fenced.
std::vector<snapshot::TableInfo> tables_of(const snapshot::Plan& plan);

/// Runs until the fence stands. catch_up must use setup.interrupt too.
/// Throws: io::Error (stopped) with the source writable as before.
CutoverResult fence_off(const CutoverSetup& setup, CatchUp& catch_up);

/// Gives the target's triggers, rules and (ApplyMode::guarded) foreign keys their source state.
/// Foreign keys are added NOT VALID; validating them is the caller's, after the pause.
/// Requires: the fence stands. Returns: what could not be made as on the source.
std::vector<snapshot::Problem> open_target(const CutoverSetup& setup, ApplyMode mode);

}  // namespace pghaul::delta
