// What a verification found: plain data for whoever prints it or mends it.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "io/row_hash.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

enum class Side { source, target };

/// A row's physical address within one snapshot: block << 16 | line pointer.
using RowPlace = std::uint64_t;

/// A row, or in tables without a key a row's value, that is not there as often on both sides.
struct RowDifference {
    enum class Kind {
        missing,    // on the target
        extra,      // on the target
        different,  // the key is on both sides, the rest differs
        count,      // no key: so many copies on each side
    };
    Kind kind = Kind::missing;
    /// How many rows of exactly this value each side has (different: the source's value on the
    /// source, the target's on the target).
    std::int64_t source_count = 0;
    std::int64_t target_count = 0;
    /// One such row; 0 where there is none.
    RowPlace source_place = 0;
    RowPlace target_place = 0;
    /// The value's hash on the target.
    io::Hash128 target_hash;
    /// Copies to bring to the target and to take from it.
    std::int64_t to_insert = 0;
    std::int64_t to_delete = 0;

    // Filled in for those that are named:
    /// (column, value) of the key; of tables without a key: ("", the row's text, cut).
    std::vector<std::pair<std::string, std::string>> key;
    /// different: the columns that differ.
    std::vector<std::string> columns;
};

struct TableDifferences {
    const snapshot::TablePlan* table = nullptr;
    /// What keeps the rows from being compared: "table is missing on the target".
    std::vector<std::string> problems;
    std::int64_t source_rows = 0;
    std::int64_t target_rows = 0;
    /// How many rows differ; a lower bound unless total_is_exact.
    std::int64_t total = 0;
    bool total_is_exact = true;
    /// The first of them, by name.
    std::vector<RowDifference> named;
    /// All of them, if asked for: what a repair needs.
    std::vector<RowDifference> all;

    std::int64_t count() const { return total + static_cast<std::int64_t>(problems.size()); }
};

struct SequenceDifference {
    snapshot::SequenceName sequence;
    /// "5 (called)"; empty where the sequence is missing.
    std::string source;
    std::string target;
};

struct ObjectDifference {
    snapshot::Oid oid = 0;
    RowDifference::Kind kind = RowDifference::Kind::missing;
    /// Units: bytes; 0 where it is missing.
    std::int64_t source_bytes = 0;
    std::int64_t target_bytes = 0;
};

struct VerifyResult {
    // What was compared:
    std::int64_t tables = 0;
    /// Ranges compared, of all there are: fewer in a sample.
    std::int64_t ranges = 0;
    std::int64_t ranges_in_all = 0;
    /// On the source. Units: rows, bytes of their binary form.
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
    std::int64_t sequences = 0;
    std::int64_t large_objects = 0;
    double seconds = 0;

    /// Truncated or rewritten on the source while they were compared, so nothing is known of them;
    /// they are not among the tables that were compared. Only with VerifySetup::lock_briefly.
    std::vector<const snapshot::TablePlan*> truncated;

    // What differs:
    std::vector<TableDifferences> differing_tables;
    std::vector<SequenceDifference> differing_sequences;
    std::vector<ObjectDifference> differing_objects;

    std::int64_t differences() const {
        auto count =
            static_cast<std::int64_t>(differing_sequences.size() + differing_objects.size());
        for (const auto& table : differing_tables) count += table.count();
        return count;
    }
    /// Takes in what was found of other tables.
    void add(VerifyResult other) {
        tables += other.tables;
        ranges += other.ranges;
        ranges_in_all += other.ranges_in_all;
        rows += other.rows;
        bytes += other.bytes;
        sequences += other.sequences;
        large_objects += other.large_objects;
        seconds += other.seconds;
        const auto append = [](auto& to, auto& from) {
            to.insert(to.end(), std::make_move_iterator(from.begin()),
                      std::make_move_iterator(from.end()));
        };
        append(differing_tables, other.differing_tables);
        append(differing_sequences, other.differing_sequences);
        append(differing_objects, other.differing_objects);
    }
    bool exact() const {
        for (const auto& table : differing_tables) {
            if (!table.total_is_exact) return false;
        }
        return true;
    }
};

}  // namespace pghaul::loader
