// The agents of a run that brings its rows with --source-via: how they are started, and whether
// they work and reach the source, asked before anything is made on the source or the schema on the
// target. Thread: the run's main thread.
#pragma once

#include "cmd/run_context.hpp"

namespace pghaul::cmd {

/// Starts one agent, has it connect, and compares where it got to with --source. Sets run.via;
/// without --source-via it does nothing.
/// Throws: io::Error.
void set_up_agents(RunContext& run);

/// Says, once the rows are in, how many bytes they were and how many came. Nothing without agents.
void say_what_agents_saved(const RunContext& run);

}  // namespace pghaul::cmd
