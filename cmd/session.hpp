// What surrounds every command that works for longer: the display, the watch over both servers, and
// one answer to being stopped.
// Thread: the main thread.
#pragma once

#include <string>

#include "cmd/options.hpp"
#include "cmd/progress_view.hpp"
#include "cmd/watch.hpp"

namespace pghaul::cmd {

/// Runs body. kept: what a stop leaves, for the hint.
/// Throws: io::Error (stopped) when a signal or the watch ended it; whatever body throws.
template <typename Body>
void in_session(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress,
                const std::string& kept, Body body) {
    progress.begin_step("begin");
    const Watch watch(io::ConnInfo::parse(options.source), io::ConnInfo::parse(options.target),
                      options.job, progress, interrupt);
    try {
        const ProgressView view(options, progress, watch);
        body();
    } catch (const io::Interrupted&) {
        // The watch ends a run by the same signal as a person does, but knows a better reason.
        if (auto verdict = watch.verdict()) {
            throw io::Error(*verdict).exit_code(io::ExitCode::stopped);
        }
        throw io::Error("stopped by a signal")
            .exit_code(io::ExitCode::stopped)
            .hint(kept + "; see pghaul status");
    }
}

}  // namespace pghaul::cmd
