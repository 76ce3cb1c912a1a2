// Compares, inside the transaction that applies a window, the rows of the touched keys on both
// sides: what is about to be committed is what the source has. Rows are hashed here, as COPY
// sends them; order does not matter.
// Thread: the one that owns both connections.
#pragma once

#include <string>

#include "delta/applier.hpp"
#include "io/progress.hpp"

namespace pghaul::delta {

/// stage: the target's temporary table of the touched keys.
/// Requires: source in the window's transaction, target in the one that applies it.
/// Throws: io::Error (differences) with the counts of rows.
void check_applied(io::Connection& source, io::Connection& target, const CaptureSite& site,
                   const Window& window, const Pending& pending, Slice slice,
                   const std::string& stage, const std::string& encoding,
                   io::StreamProgress& progress);

}  // namespace pghaul::delta
