#include "io/row_hash.hpp"

// Most rows are short: a call into the library costs as much as their hash.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

std::uint32_t big_endian_32(std::string_view bytes) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

}  // namespace

Hash128 hash_of(std::string_view bytes) {
    const auto hash = XXH3_128bits(bytes.data(), bytes.size());
    return {hash.low64, hash.high64};
}

std::string_view take_field(std::string_view& fields, bool* is_null) {
    constexpr std::uint32_t kNull = 0xffffffff;
    const auto length = fields.size() < 4 ? 0 : big_endian_32(fields);
    const std::size_t size = length == kNull ? 0 : length;
    if (fields.size() < 4 || fields.size() - 4 < size) {
        throw Error("a row of a binary COPY ends early");
    }
    const auto value = fields.substr(4, size);
    fields.remove_prefix(4 + size);
    if (is_null != nullptr) *is_null = length == kNull;
    return value;
}

RowHash hash_row(std::string_view fields, int key_fields) {
    RowHash hash;
    hash.row = hash_of(fields);
    if (key_fields == 0) {
        hash.key = hash.row;
        return hash;
    }
    auto rest = fields;
    for (int i = 0; i < key_fields; ++i) take_field(rest);
    hash.key = hash_of(fields.substr(0, fields.size() - rest.size()));
    return hash;
}

}  // namespace pghaul::io
