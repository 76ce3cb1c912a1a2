// The form of a spool file: one chunk's packed blocks between a header and a footer. All that
// writer and reader share; pinned by golden bytes in tests/io/spool_test.cpp.
//
//   header, 128 bytes                       footer, 64 bytes
//   offset bytes                            offset bytes
//        0     4  "PGHS"                         0     4  "PGHE"
//        4     1  version: 1                     4     4  zero
//        5     3  zero                           8     8  rows
//        8     4  table's number                16     8  blocks
//       12     4  chunk's number                24     8  raw bytes of all blocks
//       16     4  snapshot's number             32     8  bytes between header and footer
//       20     4  length of the job's id        40     8  checksum: 0, then for each block XXH3-64
//       24    96  the job's id, then zeros                of its raw checksum, seeded with the
//      120     8  XXH3-64 of 0 to 119                     checksum so far
//                                               48     8  zero
//                                               56     8  XXH3-64 of the header and of 0 to 55
//
// Numbers are little-endian. A file is called "<name>.part" until it is sealed (invariant 11): the
// footer is written, the file is on the disk, and then it is renamed. Whatever is called so is
// complete; what is still called ".part" is nobody's and is removed at start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pghaul::io {

inline constexpr std::string_view kSpoolMagic = "PGHS";
inline constexpr std::string_view kSpoolFooterMagic = "PGHE";
inline constexpr char kSpoolVersion = 1;
inline constexpr std::size_t kSpoolHeaderBytes = 128;
inline constexpr std::size_t kSpoolFooterBytes = 64;
inline constexpr std::size_t kLongestSpoolJob = 96;
inline constexpr std::string_view kUnsealed = ".part";

/// Which rows a file holds. Not trusted on its own: the journal says what is wanted.
struct SpoolId {
    std::string job;
    std::uint32_t table = 0;
    std::uint32_t chunk = 0;
    std::uint32_t snapshot = 0;

    bool operator==(const SpoolId&) const = default;
};

struct SpoolTotals {
    std::uint64_t rows = 0;
    std::uint64_t blocks = 0;
    std::uint64_t raw_bytes = 0;
    std::uint64_t packed_bytes = 0;
    std::uint64_t checksum = 0;

    bool operator==(const SpoolTotals&) const = default;
};

/// Throws: Error if the job's id is too long.
std::string spool_header(const SpoolId& id);
std::string spool_footer(std::string_view header, const SpoolTotals& totals);
/// Throw: Error if the bytes are not as they were written.
SpoolId read_spool_header(std::string_view header);
SpoolTotals read_spool_footer(std::string_view header, std::string_view footer);

/// The footer's checksum after one more block.
std::uint64_t next_checksum(std::uint64_t so_far, std::uint64_t of_block);

}  // namespace pghaul::io
