// The pieces in which tables are read and compared.
//
// A unit must hold the same rows on both sides. From version 14 on it is a whole table: each side
// reads it in the order of its own pages, in pieces of its own, since sums of rows depend neither
// on order nor on pieces. Older servers, and samples, read ranges of the key; these are understood
// alike on both sides only where the key's order is no matter of collation. Thread: made by one,
// then immutable.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/row_hash.hpp"
#include "loader/verify/key_intervals.hpp"
#include "loader/verify/readers.hpp"
#include "loader/verify/tables.hpp"

namespace pghaul::loader {

struct Unit {
    const VerifyTable* table = nullptr;
    snapshot::KeyRange range;
    /// Parts of it that can be read again by themselves.
    KeyIntervals intervals;
    /// In each interval; a power of two.
    std::size_t buckets = 1;
    /// The conditions ("where …" or empty) by which each side reads it in pieces.
    std::array<std::vector<std::string>, 2> pieces;
    /// On each side, estimated.
    std::array<std::int64_t, 2> bytes = {};

    std::string display() const;
    /// Rows are summed up in buckets, by the hash of their key, so one that differs is in the same
    /// bucket on both sides and only that bucket's rows need a closer look.
    std::size_t bucket_of(const io::RowHash& hash, std::string_view fields) const {
        return intervals.of(fields) * buckets + bucket_in_interval(hash);
    }
    std::size_t bucket_in_interval(const io::RowHash& hash) const {
        return hash.key.low & (buckets - 1);
    }
    std::size_t all_buckets() const { return intervals.count() * buckets; }
    /// The conditions by which each side reads one of the intervals.
    std::array<std::vector<std::string>, 2> pieces_of(std::size_t interval) const;
};

/// Cuts the tables into units. small_ranges: into small ranges of the key where that is possible,
/// so that a sample of them is one of rows too. Tables that were truncated are left out.
std::vector<Unit> cut_into_units(Readers& readers, const std::vector<VerifyTable>& tables,
                                 bool small_ranges);

}  // namespace pghaul::loader
