// The live side of a job: changes are captured on the source from before the first snapshot on,
// and brought to the target until cutover.
// Thread: the run's main thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cmd/run_context.hpp"
#include "cmd/steps.hpp"
#include "delta/catch_up.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::cmd {

/// Installs capture on every chosen table, also on those made meanwhile; then the phase is at
/// least `captured` (invariant 1). In a job that goes on, checks that capture is still whole.
/// Throws: io::Error (no_go if changes may have been missed).
void capture_source(RunContext& run, Steps& steps);

/// For whom capture is installed.
struct CaptureOwner {
    const Options& options;
    std::string job_id;
    /// For people.
    std::string target;
    io::RunProgress& progress;
    const io::Interrupt& interrupt;
};

/// Installs what is missing of capture on every chosen table. Returns: where it lives.
delta::CaptureSite install_capture(io::Connection& source, const CaptureOwner& owner);
void install_capture(RunContext& run);

/// What a snapshot taken at this position shows must not be lost on the source while somebody has
/// it.
void flush_source(snapshot::Keeper& keeper, io::Connection source);

bool capture_is_complete(RunContext& run, const std::vector<snapshot::TableInfo>& tables);

/// Whether a table, by OID, was truncated after what the snapshot shows; empty without capture.
std::function<bool(snapshot::Oid)> truncated_since(RunContext& run, const std::string& visible);

/// Makes the target ready for changes (no trigger, rule or foreign key fires) and gives what
/// applies them. interrupt: what ends its waits. Notes the context's
/// apply_mode.
std::unique_ptr<delta::CatchUp> begin_catch_up(RunContext& run, const io::Interrupt& interrupt);

/// Builds the keys by which changes are applied and applies one window: afterwards the target is
/// the source as of one moment, and every index and key can be built (invariant 5).
void catch_up_once(RunContext& run, Steps& steps);

/// Applies changes until the target is up to date.
void bring_current(RunContext& run, Steps& steps);

}  // namespace pghaul::cmd
