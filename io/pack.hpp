// Packs a block of a COPY stream with lz4 and unpacks it with every check; the form is in
// pack_format.hpp. lz4 keeps up with a stream on a fraction of a core, which nothing stronger does;
// its high compression makes the same form, smaller, for several times the CPU.
// Not for: carrying packed blocks (agent_session.hpp); how hard to pack (effort_judge.hpp).
// Thread: any. One that packs harder than fast keeps 256 kB for it until it ends.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "io/block.hpp"
#include "io/pack_format.hpp"

namespace pghaul::io {

/// What packing may cost. Whoever unpacks need not know.
enum class PackEffort : std::uint8_t { fast, hard, hardest };

/// Replaces `packed` by header and packed bytes of a block; stores it raw where lz4 gains nothing.
/// Throws: Error if the block is larger than the format allows.
void pack(const Block& block, std::vector<char>& packed, PackEffort effort = PackEffort::fast);

/// Reads and checks a header. bytes: at least kPackHeaderBytes.
/// Throws: Error.
PackHeader read_pack_header(std::string_view bytes);

/// Replaces `block` by what was packed. packed: one header and all that belongs to it.
/// Throws: Error if any of it isn't as it was packed.
void unpack(std::string_view packed, Block& block);

}  // namespace pghaul::io
