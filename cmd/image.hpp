// The consistent image: the plan, the schema before the rows, and all rows, as of one snapshot.
// What hangs on the loaded tables comes after it (target_schema.hpp).
// Thread: the run's main thread.
#pragma once

#include "cmd/run_context.hpp"
#include "cmd/steps.hpp"

namespace pghaul::cmd {

/// Copies until every chunk is loaded, going on with what earlier runs have loaded; then the phase
/// is `copied`. Fills the context's plan.
/// Throws: io::Error (no_go if it would mix two moments, stopped if the time is up).
void copy_image(RunContext& run, Steps& steps);

}  // namespace pghaul::cmd
