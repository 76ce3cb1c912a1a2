// What an earlier run has left of an unfinished copy: to go on with it, to refuse to, or to drop it
// and start again.
// Thread: the run's main thread.
#pragma once

#include <string>

#include "cmd/run_context.hpp"
#include "snapshot/catalog.hpp"

namespace pghaul::cmd {

/// Checks that the source still has the plan's tables, and takes over where their rows are now.
/// That none came or went is all that can be checked of the promise that the source is quiet.
/// Throws: io::Error (no_go).
/// With capture, tables that came are another matter (they are found when changes are applied), but
/// none may have another shape.
void adopt_catalog(snapshot::Plan& plan, const snapshot::Catalog& catalog);

/// Throws: io::Error (no_go), always: the chunks not yet loaded could only be copied as of a later
/// moment. why: what ended the snapshot; may be empty.
[[noreturn]] void refuse_to_mix_moments(snapshot::Journal& journal, const std::string& why);

/// Drops what an unfinished copy that starts again has made: by its own journal and archive,
/// since the source may look different now, and nothing that stood in the target before.
void drop_earlier_copy(RunContext& run);

}  // namespace pghaul::cmd
