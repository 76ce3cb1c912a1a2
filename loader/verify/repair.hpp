// Mends what a verification found: takes the target's rows that the source does not have and brings
// the source's, in one transaction a table; sets sequences; rewrites large objects. Touches nothing
// else. Rows are found by their addresses in the two snapshots that were compared, so whoever
// opened these must still hold them. Thread: repair() from any; it uses sessions of its own.
#pragma once

#include <cstdint>

#include "loader/verify/readers.hpp"
#include "loader/verify/result.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

struct RepairOptions {
    /// For large objects that are made anew, as in the copy.
    bool no_owner = false;
    bool no_privileges = false;
};

struct RepairResult {
    std::int64_t tables = 0;
    std::int64_t rows_deleted = 0;
    std::int64_t rows_inserted = 0;
    std::int64_t sequences = 0;
    std::int64_t large_objects = 0;

    void add(const RepairResult& other) {
        tables += other.tables;
        rows_deleted += other.rows_deleted;
        rows_inserted += other.rows_inserted;
        sequences += other.sequences;
        large_objects += other.large_objects;
    }
};

/// Requires: result comes from verify() with for_repair and the same moment.
/// Throws: io::Error, after which the tables done so far stay mended; stopped if a row changed on
/// the target since it was compared; no_go if a trigger would fire.
RepairResult repair(const VerifySetup& setup, const snapshot::Plan& plan,
                    const VerifyResult& result, const RepairOptions& options);

}  // namespace pghaul::loader
