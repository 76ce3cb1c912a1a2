// Claims the job for this run: is it ours, is it new, does it fit what was asked for, does anything
// forbid it? Nothing is touched on either server before all of that is answered.
// Thread: the run's main thread.
#pragma once

#include <string>

#include "cmd/run_context.hpp"
#include "snapshot/export_manifest.hpp"

namespace pghaul::cmd {

/// Takes the job's lock, looks at both servers, writes the job down if it is new and begins a run
/// of it. Fills the context's facts, phase and resumed.
/// Throws: io::Error (no_go if it must not go on, stopped if another run holds the job).
void claim_job(RunContext& run);

/// The same for a job whose copy is complete and whose changes are captured (follow, cutover).
/// Fills the plan too.
/// allow_cut_over: false refuses a job that is cut over, since the target is the application's
/// then.
void claim_live_job(RunContext& run, bool allow_cut_over = false);

/// The same for an import, which needs no source.
void claim_import(RunContext& run, const snapshot::ExportPlan& exported);

/// Whether all that stands in the target is somebody else's: a job's schema is not begun.
bool nothing_made(RunContext& run);

/// The process, for whoever asks who runs the job.
std::string runner();

/// What must stay the same when a job goes on, as the journal keeps it.
std::string settings_of(const Options& options);
/// This host by its own name.
std::string host_name();

}  // namespace pghaul::cmd
