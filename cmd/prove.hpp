// Proof that the target holds what the source has: what the copy reads back, and what is left to
// compare on both servers at the end of a run and before a cutover.
// Together with the check of every window of changes (delta/check.hpp), a proven table stays so.
// Thread: the run's main thread.
#pragma once

#include <map>

#include "cmd/run_context.hpp"
#include "cmd/steps.hpp"

namespace pghaul::cmd {

/// The tables that streams shall read back, by number, and in how many pieces each.
std::map<int, int> tables_to_read_back(RunContext& run);

/// Compares on both servers, row by row, what is not proven yet; with capture at one moment of the
/// source while it is being written to. also_unwanted: tables that came with --verify none, too.
/// Throws: io::Error (differences) that names the tables; the rows are logged.
void prove_tables(RunContext& run, Steps& steps, bool also_unwanted);

}  // namespace pghaul::cmd
