// Hashes of rows and sums of them that do not depend on order: two tables are equal if their rows'
// hashes add up to the same, in whatever order and pieces they were read.
// The hash is XXH3 of 128 bits: it finds what went wrong, not what somebody forged.
// Thread: values; a sum belongs to one thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pghaul::io {

struct Hash128 {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    auto operator<=>(const Hash128&) const = default;
};

Hash128 hash_of(std::string_view bytes);

/// A row, told by its key and by all it holds. Without a key the two are the same.
struct RowHash {
    Hash128 key;
    Hash128 row;

    auto operator<=>(const RowHash&) const = default;
};

/// fields: a row's fields as binary COPY sends them, each a length of four bytes (-1 for null) and
/// the value; the first key_fields of them are the key, none: keyless.
/// Throws: Error if the fields end early.
RowHash hash_row(std::string_view fields, int key_fields);

/// Takes the first field off. Returns its value; a null one is empty and sets *is_null.
/// Throws: Error if the fields end early.
std::string_view take_field(std::string_view& fields, bool* is_null = nullptr);

/// Rows and the sum of their hashes, each half modulo 2^64.
struct RowSum {
    std::uint64_t rows = 0;
    Hash128 sum;

    void add(const Hash128& hash) {
        ++rows;
        sum.low += hash.low;
        sum.high += hash.high;
    }
    void add(const RowSum& other) {
        rows += other.rows;
        sum.low += other.sum.low;
        sum.high += other.sum.high;
    }
    bool operator==(const RowSum&) const = default;
};

}  // namespace pghaul::io
