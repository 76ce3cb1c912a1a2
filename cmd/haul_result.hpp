// What a run or an import has done, and how that is printed.
// Thread: the run's main thread.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cmd/steps.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {

struct HaulResult {
    bool was_done_already = false;
    std::int64_t tables = 0;
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
    std::vector<StepTime> steps;
    /// What is not as on the source: (subject, message). Not empty: exit code 1.
    std::vector<std::pair<std::string, std::string>> problems;
    /// Units: bytes that this run has written into files.
    std::int64_t spooled_bytes = 0;
    /// How long this run has held a snapshot on the source; 0 if it took none.
    std::int64_t snapshot_ms = 0;
};

HaulResult result_of(RunContext& run, const Steps& steps);

/// Prints it to standard output, as JSON if asked. Returns: failed if there are problems.
io::ExitCode print_result(const Options& options, const HaulResult& result);

}  // namespace pghaul::cmd
