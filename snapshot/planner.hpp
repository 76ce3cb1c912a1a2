// Makes the plan from the catalog: which table is cut where, how each is read and written, in
// which order.
#pragma once

#include "io/connection.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::snapshot {

enum class FormatChoice { automatic, binary, text };

struct PlanOptions {
    /// Streams in all.
    int jobs = 2;
    /// Units: bytes. A larger table is cut into chunks of about this size.
    std::int64_t chunk_bytes = std::int64_t{256} << 20;
    FormatChoice format = FormatChoice::automatic;
    /// False: never COPY FREEZE.
    bool freeze = true;
    /// What both servers say of integer_datetimes; without it binary times differ.
    bool integer_datetimes = true;
    /// True if one snapshot serves the whole copy, or the source is vouched to be quiet: only then
    /// may a table that has a key be cut by physical address (invariant 2).
    bool one_snapshot = false;
    /// True if changes are captured meanwhile.
    bool capture = false;
};

/// Runs the cutting probes on the source. Requires: tables' rights were checked.
/// Throws: io::Error.
Plan make_plan(io::Connection& source, Catalog catalog, const PlanOptions& options);

/// How many chunks a table of this size gets. Exposed for its tests.
int chunk_count(std::int64_t table_bytes, std::int64_t total_bytes, const PlanOptions& options);

}  // namespace pghaul::snapshot
