// The form of a packed block, on an agent's pipe and in files: all that writer and reader share.
// Pinned by golden bytes in tests/io/pack_test.cpp; whatever changes here gets a new version.
//
//   offset  bytes
//        0      4  "PGHB"
//        4      1  version: 1
//        5      1  method: 0 stored, 1 lz4 (its block format, no frame)
//        6      2  zero
//        8      4  raw size
//       12      4  packed size: the bytes that follow the header; stored: the raw size
//       16      4  COPY messages in the block
//       20      8  XXH3-64 of the raw bytes
//       28      4  XXH3-64 of bytes 0 to 27, its lower half
//       32         the packed bytes
//
// Numbers are little-endian. A raw block may be larger than kBlockBytes by one row, which
// PostgreSQL keeps below 1 GB. The checksums find accidents; they keep nobody from forging.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pghaul::io {

inline constexpr std::string_view kPackMagic = "PGHB";
inline constexpr char kPackVersion = 1;
inline constexpr std::size_t kPackHeaderBytes = 32;
/// Units: bytes. What is larger is garbage and is not given room.
inline constexpr std::size_t kLargestRawBytes = (std::size_t{1} << 30) + (std::size_t{1} << 20);

enum class PackMethod : std::uint8_t { stored = 0, lz4 = 1 };

/// The header's fields.
struct PackHeader {
    PackMethod method = PackMethod::stored;
    std::uint32_t raw_bytes = 0;
    std::uint32_t packed_bytes = 0;
    std::uint32_t messages = 0;
    std::uint64_t checksum = 0;
};

}  // namespace pghaul::io
