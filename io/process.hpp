// Runs a child process (pg_dump, pg_restore) and collects what it prints. The child dies with
// pghaul, even when that is killed.
// Thread: any; each call is independent.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/interrupt.hpp"

namespace pghaul::io {

struct ProcessOutput {
    int exit_code = 0;  // 128 + signal if a signal ended it
    std::string out;
    std::string err;
};

/// Waits for the child. env: added to the inherited environment. idle_limit: a child that neither
/// says nor computes anything for so long is terminated.
/// Throws: Interrupted (the child is terminated first), Error if it can't be started, or
/// (retryable) was idle for too long.
ProcessOutput run_process(const std::vector<std::string>& argv,
                          const std::map<std::string, std::string>& env, const Interrupt& interrupt,
                          std::optional<std::chrono::milliseconds> idle_limit = {});

}  // namespace pghaul::io
