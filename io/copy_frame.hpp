// What stands around the rows of COPY's binary form: one header before the first, a trailer after
// the last. Each row is the number of its fields (two bytes) and the fields (see take_field).
// Source: PostgreSQL manual, COPY, "Binary Format".
// Thread: any; constants.
#pragma once

#include <cstddef>
#include <string_view>

namespace pghaul::io {

inline constexpr std::string_view kCopySignature("PGCOPY\n\377\r\n\0", 11);
inline constexpr std::size_t kCopyHeaderBytes =
    kCopySignature.size() + 8;  // flags, length of the extension
/// In place of a number of fields.
inline constexpr std::string_view kCopyTrailerBytes("\377\377", 2);

}  // namespace pghaul::io
