// An export claims its folder: is it ours, is it new, does it fit what was asked for, does anything
// forbid the export? What job_claim.hpp is for a run and the target.
// Thread: the main thread.
#pragma once

#include "cmd/export_context.hpp"

namespace pghaul::cmd {

/// Looks at the source and the folder; begins an export in a folder that holds none. Fills facts
/// and note. The folder is not touched before all questions are answered.
/// Throws: io::Error (no_go if it must not go on).
void claim_folder(ExportContext& run);

/// Reads how far an earlier one has come: fills plan and sealed. What can't become one image with
/// what is still to be read is thrown away.
void find_what_stands(ExportContext& run);

}  // namespace pghaul::cmd
