// Compares the rows, sequences and large objects of two databases as of one moment and names what
// differs. Each side is read once, in parallel, and hashed here; only ranges that differ are read
// again. Writes nothing; repair.hpp mends.
// Thread: verify() from any; it starts threads of its own and joins them.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "loader/verify/readers.hpp"
#include "loader/verify/result.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

struct VerifyOptions {
    /// Of the plan only these tables, by number, and nothing that is no table; empty: everything.
    std::set<int> tables;
    /// Compare about so many of a hundred ranges, chosen by the seed; empty: all.
    std::optional<double> sample_percent;
    std::uint64_t seed = 0;
    /// Rows of a table that are named; more are counted.
    std::size_t named_per_table = 100;
    /// Remember every row that differs, for a repair.
    bool for_repair = false;
    /// Sequences have no snapshot: where the source is written to, they differ between two looks.
    bool sequences = true;
};

/// The result points into the plan. Throws: io::Error; snapshot::SnapshotLost.
VerifyResult verify(const VerifySetup& setup, const snapshot::Plan& plan,
                    const VerifyOptions& options);

}  // namespace pghaul::loader
