// THE WHOLE RUN ON ONE PAGE: haul.cpp reads from top to bottom in the order in which a job goes;
// each line of it is a file of its own (job_claim, image, target_schema).
#pragma once

#include "cmd/haul_result.hpp"
#include "cmd/options.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"

namespace pghaul::cmd {

/// Runs the job from wherever it stands to where options.until says.
/// Throws: io::Error with the exit code of the contract.
HaulResult haul(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress);

}  // namespace pghaul::cmd
