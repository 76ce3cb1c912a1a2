// Tables and partitions that were made on the source while the job goes on: each is made on the
// target, captured, copied whole in the next window of changes, and completed.
// Thread: the run's main thread.
#pragma once

#include "cmd/run_context.hpp"
#include "cmd/steps.hpp"

namespace pghaul::cmd {

/// Takes over every chosen table that the plan lacks, and completes those that an earlier run left
/// half done. Adds them to the context's plan: a CatchUp made before is of no use afterwards.
/// Returns: how many there were. Throws: io::Error.
int take_over_new_tables(RunContext& run, Steps& steps);

}  // namespace pghaul::cmd
