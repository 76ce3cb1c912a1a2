// The spool of a run: where its files are, how much they may take, what earlier runs have left of
// them.
// Thread: the run's main thread.
#pragma once

#include <string>

#include "cmd/run_context.hpp"
#include "loader/spool_folder.hpp"
#include "loader/spool_rules.hpp"

namespace pghaul::cmd {

loader::SpoolFolder spool_folder(const Options& options, const std::string& job_id);

/// The files of earlier runs (or earlier in this one) that spare reading a chunk again. Whatever
/// else is in the folder is removed.
/// may_mix: rows of several moments of the source may be used.
loader::SpoolFiles spooled_earlier(RunContext& run, const snapshot::LoadedChunks& loaded,
                                   bool may_mix);

/// How this run's streams and readers are to use files. Requires: the context's plan.
/// Throws: io::Error if files are wanted and can't be made.
loader::SpoolRules spool_rules(RunContext& run, loader::SpoolFiles files);

/// Removes the job's folder: nothing in it is wanted. A folder that can't be removed is only named.
void forget_spool(const loader::SpoolFolder& folder);

}  // namespace pghaul::cmd
