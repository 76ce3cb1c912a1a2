// The parts of a verification that are no rows of tables: sequences and large objects.
#pragma once

#include <cstdint>
#include <vector>

#include "io/connection.hpp"
#include "loader/verify/readers.hpp"
#include "loader/verify/result.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

/// Compares position and is_called as they are now: sequences have no snapshot.
std::vector<SequenceDifference> compare_sequences(
    io::Connection& source, io::Connection& target,
    const std::vector<snapshot::SequenceName>& sequences);

struct ObjectsResult {
    /// On the source.
    std::int64_t compared = 0;
    std::vector<ObjectDifference> differing;
};

/// Compares the contents of all large objects in these ranges, both snapshots' own.
ObjectsResult compare_large_objects(Readers& readers,
                                    const std::vector<snapshot::LargeObjectChunk>& ranges);

}  // namespace pghaul::loader
