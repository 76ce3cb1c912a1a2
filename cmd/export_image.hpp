// THE WHOLE EXPORT ON ONE PAGE: from the source into a folder of sealed files, which import_image
// loads elsewhere. What haul.hpp is between two servers.
// Thread: the run's main thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cmd/options.hpp"
#include "cmd/steps.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"

namespace pghaul::cmd {

struct ExportResult {
    bool was_done_already = false;
    std::string folder;
    std::int64_t tables = 0;
    std::uint64_t rows = 0;
    /// As rows travel, and as files hold them.
    std::uint64_t bytes = 0;
    std::uint64_t file_bytes = 0;
    bool capture = false;
    bool one_moment = true;
    std::vector<StepTime> steps;
};

/// As which job's its sessions are shown: a run of a job with the same name leaves them alone.
std::string export_sessions(const std::string& job);

/// Exports from wherever the folder stands to its manifest.
/// Throws: io::Error with the exit code of the contract.
ExportResult export_image(const Options& options, io::Interrupt& interrupt,
                          io::RunProgress& progress);

}  // namespace pghaul::cmd
