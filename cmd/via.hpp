// The agents of a run or an export that brings its rows with --source-via: how they are started,
// and whether they work and reach the source, asked before anything is made on the source or the
// schema on the target. Thread: the run's main thread.
#pragma once

#include <optional>
#include <string>

#include "cmd/run_context.hpp"

namespace pghaul::cmd {

/// Starts one agent, has it connect, and compares where it got to with the source.
/// job: as its session is shown. Returns: how agents are started; nothing without --source-via.
/// Throws: io::Error.
std::optional<io::AgentCommand> set_up_agents(const Options& options, const io::ConnInfo& source,
                                              const std::string& job, io::RunProgress& progress,
                                              const io::Interrupt& interrupt);
/// Sets run.via.
void set_up_agents(RunContext& run);

/// Says, once the rows are in, how many bytes they were and how many came. Nothing without agents.
void say_what_agents_saved(const io::RunProgress& progress);

}  // namespace pghaul::cmd
