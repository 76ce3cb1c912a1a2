// Whether the source's tables are still what the plan says: nobody altered, renamed, dropped or
// made one since the copy. Changes of rows are captured; changes of the schema are not.
// Thread: the run's main thread.
#pragma once

#include <string>
#include <vector>

#include "cmd/run_context.hpp"

namespace pghaul::cmd {

struct Drift {
    /// "public.t: columns", "public.u: dropped or renamed"
    std::vector<std::string> altered;
    /// Chosen tables that the plan does not know yet.
    std::vector<snapshot::Oid> made;
    std::vector<std::string> made_names;
};

Drift find_drift(RunContext& run, io::Connection& source);
/// Same, on a session of its own.
Drift find_drift(RunContext& run);

/// Throws: io::Error (no_go) that names what was altered; (stopped) if only new tables are there,
/// which the next run or follow takes over.
void check_for_drift(RunContext& run, io::Connection& source);

}  // namespace pghaul::cmd
