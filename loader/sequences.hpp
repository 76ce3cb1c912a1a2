// Sequences' positions from source to target. They are not transactional: this runs after the last
// row, and may run again.
// Thread: the one that owns both connections.
#pragma once

#include <cstdint>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/export_manifest.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

/// Where each sequence stands now. Throws: io::Error.
std::vector<snapshot::SequenceValue> read_sequences(
    io::Connection& source, const std::vector<snapshot::SequenceName>& sequences);

/// Sets each of these that exists on the target.
/// Returns: how many were set; those missing are left out.
std::int64_t write_sequences(io::Connection& target,
                             const std::vector<snapshot::SequenceValue>& values);

/// Sets each sequence that exists on the target to the source's last_value and is_called.
/// Returns: how many were set; those missing on the target are left out.
std::int64_t set_sequences(io::Connection& source, io::Connection& target,
                           const std::vector<snapshot::SequenceName>& sequences);

}  // namespace pghaul::loader
