// Carries a COPY stream from a reader to a writer, reading, unpacking and writing at the same time:
// an oneTBB pipeline with a bounded number of blocks in flight.
// Thread: the caller's; it should be inside a task_arena with two slots, so that both overlap.
#pragma once

#include <cstdint>

#include "io/copy_source.hpp"
#include "io/copy_writer.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"
#include "io/row_sums.hpp"

namespace pghaul::io {

/// Enough to ride out a pause of either server of some milliseconds; 8 * 256 kB = 2 MB per stream.
inline constexpr std::size_t kBlocksInFlight = 8;

struct RelayResult {
    std::uint64_t bytes = 0;
    /// Of all rows, as they were sent.
    RowSum rows;
};

/// Carries all blocks; the caller finishes the writer.
/// Throws: Error; Interrupted.
RelayResult relay(BlockReader& reader, CopyWriter& writer, RowForm form,
                  std::size_t blocks_in_flight, StreamProgress& progress,
                  const Interrupt& interrupt);

}  // namespace pghaul::io
