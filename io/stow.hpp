// Carries a COPY stream from a reader into a spool file, reading, packing and writing at the same
// time: as io/relay.hpp does from server to server.
// Thread: the caller's; it should be inside a task_arena with two slots, so that both overlap.
#pragma once

#include <cstddef>
#include <functional>

#include "io/copy_source.hpp"
#include "io/interrupt.hpp"
#include "io/spool_writer.hpp"

namespace pghaul::io {

/// Carries all blocks; the caller seals the file with the reader's rows. Blocks that come packed
/// are not packed again.
/// before_block: called before each block is put into the file, with the bytes that the file then
/// has; it may wait or throw. Throws: Error; Interrupted.
void stow(BlockReader& reader, SpoolWriter& writer, std::size_t blocks_in_flight,
          const std::function<void(std::uint64_t file_bytes)>& before_block,
          const Interrupt& interrupt);

}  // namespace pghaul::io
