// Makes the plan from the catalog: which table is cut where, how each is read and written, in
// which order.
#pragma once

#include <cstdint>
#include <optional>

#include "io/connection.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::snapshot {

enum class FormatChoice { automatic, binary, text };

struct PlanOptions {
    /// Streams in all.
    int jobs = 2;
    /// Units: bytes. A larger table is cut into chunks of about this size; empty:
    /// automatic_chunk_bytes().
    std::optional<std::int64_t> chunk_bytes;
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

/// The size of chunks that suits a database of this size: a kill costs about a chunk per stream, so
/// chunks are a small part of the whole, within the limits between which their size costs nothing.
std::int64_t automatic_chunk_bytes(std::int64_t total_bytes);

/// How many chunks a table of this size gets. Exposed for its tests.
int chunk_count(std::int64_t table_bytes, std::int64_t total_bytes, const PlanOptions& options);

}  // namespace pghaul::snapshot
