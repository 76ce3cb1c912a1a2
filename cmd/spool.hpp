// The spool of a run: where its files are (and that others can find them), how much they may take,
// what earlier runs have left of them. Thread: the run's main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/run_context.hpp"
#include "loader/spool_folder.hpp"
#include "loader/spool_rules.hpp"
#include "snapshot/spool_notes.hpp"

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

/// Notes on the target where this run's files are and what they may take, before the first is made.
/// Throws: io::Error.
void note_spool(io::Connection& target, const Options& options, std::int64_t limit_bytes);

struct ForgottenSpools {
    std::vector<std::string> removed;  // folders
    /// Where runs on other hosts may have left files.
    std::vector<snapshot::SpoolNote> elsewhere;
};

/// Removes what runs on this host have left of the job's files: none of it is wanted. A folder that
/// can't be removed is only named. Throws: io::Error.
ForgottenSpools forget_spools(snapshot::Journal& journal, const Options& options,
                              const std::string& job_id);

}  // namespace pghaul::cmd
