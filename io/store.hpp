// Carries a COPY stream from a reader into a sealed file: reading, packing and writing at the same
// time, as relay.hpp does into a server.
// Thread: the caller's; it should be inside a task_arena with two slots, so that they overlap.
#pragma once

#include "io/copy_source.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"
#include "io/relay.hpp"
#include "io/row_sums.hpp"
#include "io/spool_writer.hpp"

namespace pghaul::io {

/// Carries all blocks; the caller seals the file. Returns: raw bytes and the rows seen.
/// Throws: Error; Interrupted.
RelayResult store(BlockReader& reader, SpoolWriter& writer, RowForm form,
                  std::size_t blocks_in_flight, StreamProgress& progress,
                  const Interrupt& interrupt);

}  // namespace pghaul::io
