// THE WHOLE RUN ON ONE PAGE: haul.cpp reads from top to bottom in the order in which a job goes;
// each line of it is a file of its own (job_claim, image, target_schema).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cmd/options.hpp"
#include "cmd/steps.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"

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

/// Runs the job from wherever it stands to where options.until says.
/// Throws: io::Error with the exit code of the contract.
HaulResult haul(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress);

}  // namespace pghaul::cmd
