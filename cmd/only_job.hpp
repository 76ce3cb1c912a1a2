// Which job a command means that was not told: the target's only one.
#pragma once

#include "cmd/options.hpp"
#include "snapshot/journal.hpp"

namespace pghaul::cmd {

/// Opens the journal of options.job, or of the only job in the target when none is named (and sets
/// options.job). Throws: io::Error (usage) when there are several.
inline snapshot::Journal open_journal(Options& options, const io::Interrupt& interrupt) {
    const auto target = io::ConnInfo::parse(options.target);
    if (options.job.empty()) {
        auto journal = snapshot::Journal::open(target, "status", interrupt);
        const auto jobs = journal.exists() ? journal.jobs() : std::vector<std::string>();
        if (jobs.size() > 1) {
            std::string names;
            for (const auto& job : jobs) names += (names.empty() ? "" : ", ") + job;
            throw io::Error("the target has several jobs: " + names)
                .exit_code(io::ExitCode::usage)
                .hint("name one with --job");
        }
        options.job = jobs.empty() ? "default" : jobs.front();
    }
    return snapshot::Journal::open(target, options.job, interrupt);
}

}  // namespace pghaul::cmd
