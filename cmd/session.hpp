// What surrounds every command that works for longer: the display, the watch over both servers, and
// one answer to being stopped.
// Thread: the main thread.
#pragma once

#include <optional>
#include <string>

#include "cmd/options.hpp"
#include "cmd/progress_view.hpp"
#include "cmd/watch.hpp"

namespace pghaul::cmd {

/// The server that an option names, if it does.
inline std::optional<io::ConnInfo> server_of(const std::string& option) {
    if (option.empty()) return std::nullopt;
    return io::ConnInfo::parse(option);
}

/// Runs body. job: as its sessions are named; hint: what a stop leaves.
/// Throws: io::Error (stopped) when a signal or the watch ended it; whatever body throws.
template <typename Body>
void in_session(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress,
                const std::string& job, const std::string& hint, Body body) {
    progress.begin_step("begin");
    const Watch watch(server_of(options.source), server_of(options.target), job, progress,
                      interrupt);
    try {
        const ProgressView view(options, progress, watch);
        body();
    } catch (const io::Interrupted&) {
        // The watch ends a run by the same signal as a person does, but knows a better reason.
        if (auto verdict = watch.verdict()) {
            throw io::Error(*verdict).exit_code(io::ExitCode::stopped);
        }
        throw io::Error("stopped by a signal").exit_code(io::ExitCode::stopped).hint(hint);
    }
}

}  // namespace pghaul::cmd
