// THE WHOLE IMPORT ON ONE PAGE: from an export's files into a target, in the steps of haul.hpp,
// with no source. What is captured on the source since the export, pghaul follow brings.
// Thread: the run's main thread.
#pragma once

#include "cmd/export_folder.hpp"
#include "cmd/haul_result.hpp"
#include "cmd/options.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"

namespace pghaul::cmd {

/// Loads from wherever the job stands to its end. An export whose rows are not of one moment ends
/// at phase `copied`: keys and indexes need the changes first (invariant 5).
/// Throws: io::Error with the exit code of the contract.
HaulResult import_image(const Options& options, const Exported& exported, io::Interrupt& interrupt,
                        io::RunProgress& progress);

}  // namespace pghaul::cmd
