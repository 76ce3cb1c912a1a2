#include "loader/verify/narrow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>

#include "io/error.hpp"
#include "io/row_reader.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using Kind = RowDifference::Kind;

// Each is about 150 bytes in memory.
constexpr std::size_t kMostRepairs = 2'000'000;

struct Seen {
    std::int64_t count = 0;
    RowPlace place = 0;

    void add(const Seen& other) {
        count += other.count;
        place = other.place;
    }
};

struct HashOfRowHash {
    std::size_t operator()(const io::RowHash& hash) const { return hash.row.high ^ hash.key.high; }
};
using SeenRows = std::unordered_map<io::RowHash, Seen, HashOfRowHash>;

/// One value that is not there as often on both sides.
struct Unequal {
    io::RowHash hash;
    Seen source;
    Seen target;
};

using Wanted = std::vector<bool>;  // by bucket of an interval

ReadItem round_item(const Dialect& dialect, const Unit& unit, const std::string& condition,
                    const Wanted& wanted, SeenRows& seen, std::mutex& mutex) {
    const auto sql = read_rows_sql(*unit.table, condition, "ctid");
    return {"rows of " + unit.display(), 0,
            [&, sql](Connection& connection, io::StreamProgress& progress) {
                SeenRows mine;
                io::RowReader reader(connection, sql, dialect.rows_encoding, progress);
                for (std::string_view fields; reader.next(fields);) {
                    const auto place = place_of(io::take_field(fields));
                    const auto hash = io::hash_row(fields, unit.table->key_columns);
                    if (wanted[unit.bucket_in_interval(hash)]) mine[hash].add({1, place});
                }
                const std::lock_guard guard(mutex);
                for (const auto& [hash, one] : mine) seen[hash].add(one);
            },
            &unit.table->plan->info};
}

std::vector<Unequal> read_round(Readers& readers, const Dialect& dialect, const Unit& unit,
                                std::size_t interval, const Wanted& wanted) {
    std::array<SeenRows, 2> seen;
    std::array<std::mutex, 2> mutexes;
    std::array<std::vector<ReadItem>, 2> items;
    const auto pieces = unit.pieces_of(interval);
    for (std::size_t side = 0; side < 2; ++side) {
        for (const auto& condition : pieces[side]) {
            items[side].push_back(
                round_item(dialect, unit, condition, wanted, seen[side], mutexes[side]));
        }
    }
    readers.run(items[0], items[1]);

    std::vector<Unequal> unequal;
    for (const auto& [hash, ours] : seen[0]) {
        const auto theirs = seen[1].find(hash);
        const Seen other = theirs == seen[1].end() ? Seen{} : theirs->second;
        if (ours.count != other.count) unequal.push_back({hash, ours, other});
    }
    for (const auto& [hash, theirs] : seen[1]) {
        if (!seen[0].contains(hash)) unequal.push_back({hash, {}, theirs});
    }
    std::sort(unequal.begin(), unequal.end(),
              [](const Unequal& a, const Unequal& b) { return a.hash < b.hash; });
    return unequal;
}

/// A value of which one side has more copies than the other.
RowDifference difference_of(const Unequal& one, bool keyless) {
    RowDifference difference;
    difference.source_count = one.source.count;
    difference.target_count = one.target.count;
    difference.source_place = one.source.place;
    difference.target_place = one.target.place;
    difference.target_hash = one.hash.row;
    difference.to_insert = std::max<std::int64_t>(one.source.count - one.target.count, 0);
    difference.to_delete = std::max<std::int64_t>(one.target.count - one.source.count, 0);
    difference.kind = keyless                    ? Kind::count
                      : difference.to_insert > 0 ? Kind::missing
                                                 : Kind::extra;
    return difference;
}

/// What a key has on the source alone and on the target alone, in pairs as far as it goes.
std::vector<RowDifference> pair_up(const std::vector<Unequal>& rows) {
    std::vector<RowDifference> missing;
    std::vector<RowDifference> extra;
    for (const auto& row : rows) {
        auto difference = difference_of(row, false);
        (difference.kind == Kind::missing ? missing : extra).push_back(std::move(difference));
    }
    std::vector<RowDifference> paired;
    while (!missing.empty() && !extra.empty()) {
        auto pair = missing.back();
        pair.kind = Kind::different;
        pair.target_count = extra.back().target_count;
        pair.target_place = extra.back().target_place;
        pair.target_hash = extra.back().target_hash;
        pair.to_delete = extra.back().to_delete;
        paired.push_back(std::move(pair));
        missing.pop_back();
        extra.pop_back();
    }
    paired.insert(paired.end(), missing.begin(), missing.end());
    paired.insert(paired.end(), extra.begin(), extra.end());
    return paired;
}

void note(std::vector<RowDifference> found, const NarrowLimits& limits,
          TableDifferences& differences) {
    for (auto& one : found) {
        ++differences.total;
        if (limits.keep_all) {
            if (differences.all.size() == kMostRepairs) {
                throw io::Error(fmt::format("{}: more than {} rows differ, too many to mend one by "
                                            "one",
                                            differences.table->info.display(), kMostRepairs))
                    .hint("copy this table again");
            }
            differences.all.push_back(one);
        }
        if (differences.named.size() < limits.named) differences.named.push_back(std::move(one));
    }
}

void note_round(const std::vector<Unequal>& unequal, bool keyless, const NarrowLimits& limits,
                TableDifferences& differences) {
    for (auto at = unequal.begin(); at != unequal.end();) {
        std::vector<Unequal> same_key;
        for (const auto key = at->hash.key; at != unequal.end() && at->hash.key == key; ++at) {
            same_key.push_back(*at);
        }
        if (keyless) {
            note({difference_of(same_key.front(), true)}, limits, differences);
        } else {
            note(pair_up(same_key), limits, differences);
        }
    }
}

}  // namespace

RowPlace place_of(std::string_view ctid) {
    if (ctid.size() != 6) throw io::Error("a row's address is not of the expected form");
    RowPlace place = 0;
    for (const char c : ctid) place = place << 8 | static_cast<unsigned char>(c);
    return place;
}

std::string place_array(const std::vector<RowPlace>& places) {
    std::string text = "{";
    for (const auto place : places) {
        text +=
            fmt::format("{}\"({},{})\"", text.size() > 1 ? "," : "", place >> 16, place & 0xffff);
    }
    return text + "}";
}

void find_differing_rows(Readers& readers, const Dialect& dialect, const Unit& unit,
                         const std::vector<DifferingBucket>& buckets, const NarrowLimits& limits,
                         TableDifferences& differences) {
    int rounds_of_interval = 0;
    for (auto at = buckets.begin(); at != buckets.end();) {
        const auto interval = at->bucket / unit.buckets;
        const bool enough =
            rounds_of_interval == limits.rounds || differences.total >= limits.exact_up_to;
        if (enough && !limits.keep_all) {
            // Each bucket left holds one at least.
            differences.total += buckets.end() - at;
            differences.total_is_exact = false;
            return;
        }
        Wanted wanted(unit.buckets);
        std::int64_t rows = 0;
        for (; at != buckets.end() && at->bucket / unit.buckets == interval; ++at) {
            if (rows > 0 && rows + at->rows > limits.rows_per_round) break;
            wanted[at->bucket % unit.buckets] = true;
            rows += at->rows;
        }
        note_round(read_round(readers, dialect, unit, interval, wanted),
                   unit.table->key_columns == 0, limits, differences);
        const bool same_interval = at != buckets.end() && at->bucket / unit.buckets == interval;
        rounds_of_interval = same_interval ? rounds_of_interval + 1 : 0;
    }
}

}  // namespace pghaul::loader
