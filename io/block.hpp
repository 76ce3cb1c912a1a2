// A piece of a COPY stream: whole messages, as they came. The unit that travels the pipeline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pghaul::io {

/// Units: bytes. Large enough that per-block costs vanish, small enough that eight in flight per
/// stream stay within 2 MB (one row larger than this makes its block as large as the row).
inline constexpr std::size_t kBlockBytes = 256 * 1024;

struct Block {
    std::vector<char> bytes;
    /// COPY messages in it: rows, but for a header and a trailer in the binary format.
    std::uint64_t messages = 0;
    /// Where each message ends in bytes, if the reader knows: empty after unpacking.
    std::vector<std::uint32_t> ends = {};

    void clear() noexcept {
        bytes.clear();
        messages = 0;
        ends.clear();
    }
};

/// Units: bytes. A block beyond this holds a giant row.
inline constexpr std::size_t kGiantBytes = 4 * kBlockBytes;

/// One giant row must not keep its room for the rest of the stream.
inline void let_go_if_giant(std::vector<char>& bytes) {
    if (bytes.capacity() > kGiantBytes) std::vector<char>().swap(bytes);
}

}  // namespace pghaul::io
