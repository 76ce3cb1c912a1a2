// Sums up the rows of a COPY stream as they pass, block by block, in the form in which they travel:
// nothing is converted, so the sum costs little beside the copy. Two streams of the same rows in
// the same format and encoding have the same sum, whatever their order and their blocks.
// Thread: functions; a block may be summed by any.
#pragma once

#include "io/block.hpp"
#include "io/copy_reader.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"
#include "io/row_hash.hpp"

namespace pghaul::io {

/// As COPY calls its formats.
enum class RowForm { binary, text };

/// The rows in a block. Header and trailer of the binary format are none.
/// Throws: Error if a row ends early.
RowSum sum_of_block(const Block& block, RowForm form);

/// Reads a whole COPY and keeps nothing of it but the sum. Throws: Error; Interrupted.
RowSum sum_of_copy(CopyReader& reader, RowForm form, StreamProgress& progress,
                   const Interrupt& interrupt);

}  // namespace pghaul::io
