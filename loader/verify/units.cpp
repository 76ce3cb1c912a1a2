#include "loader/verify/units.hpp"

#include <algorithm>
#include <bit>

#include "snapshot/cut.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using snapshot::Key;
using snapshot::KeyColumn;
using snapshot::KeyRange;
using snapshot::TableKind;

// ctid range scans read just their pages from this version on; before, each would scan it all.
constexpr int kTidRangeScans = 14;
// What one statement reads at most, about: small enough that all streams end together and that a
// lost connection costs little.
constexpr std::int64_t kPieceBytes = std::int64_t{64} << 20;
// What is read again to find a row that differs.
constexpr std::int64_t kIntervalBytes = std::int64_t{64} << 20;
// In a sample, ranges are to be smaller than tables usually are.
constexpr std::int64_t kSampleRangeBytes = std::int64_t{8} << 20;
// Of intervals and ranges: each costs some page reads to find.
constexpr std::int64_t kMostRanges = 1024;
// What is held in memory, from both sides, to find a row that differs.
constexpr std::int64_t kRowsPerBucket = 4096;
constexpr std::int64_t kFewestBytesPerRow = 32;
// Of a table, 24 bytes each for every stream: beyond 270 million rows, buckets grow instead.
constexpr std::size_t kMostBuckets = 65536;

std::string where(const VerifyTable& table, const std::vector<KeyColumn>& key,
                  const KeyRange& range) {
    const auto& condition = table.plan->info.config_condition;
    if (!condition.empty()) return condition;
    const auto text = snapshot::predicate(key, range);
    return text.empty() ? "" : "where " + text;
}

/// Bounds of this many columns that cut the table into parts of about so many bytes.
std::vector<Key> cut(Connection& source, const VerifyTable& table, std::size_t columns,
                     std::int64_t bytes) {
    const auto count = std::min(table.bytes[0] / bytes + 1, kMostRanges);
    if (count == 1) return {};
    auto info = table.plan->info;
    info.pages = table.pages[0];
    info.key.assign(table.range_key.begin(),
                    table.range_key.begin() + static_cast<std::ptrdiff_t>(columns));
    return snapshot::cut_by_key(source, info, static_cast<int>(count));
}

/// The copy's bounds, cut down to the columns of range_key.
std::vector<Key> planned_bounds(const VerifyTable& table) {
    std::vector<Key> bounds;
    if (table.plan->method != snapshot::Method::key_ranges) return bounds;
    for (const auto& chunk : table.plan->chunks) {
        if (!chunk.range.hi) continue;
        Key bound(chunk.range.hi->begin(),
                  chunk.range.hi->begin() + static_cast<std::ptrdiff_t>(table.range_key.size()));
        if (bounds.empty() || bounds.back() != bound) bounds.push_back(std::move(bound));
    }
    return bounds;
}

/// How one side reads a whole table: by its own pages, if there are many.
std::vector<std::string> pieces_by_page(const Connection& server, const VerifyTable& table,
                                        std::size_t side) {
    const auto count = std::min(table.bytes[side] / kPieceBytes + 1, table.pages[side]);
    const bool whole = count < 2 || server.server_major() < kTidRangeScans ||
                       table.plan->info.kind == TableKind::extension_config;
    if (whole) return {where(table, {}, {})};
    snapshot::TableInfo info;
    info.pages = table.pages[side];
    std::vector<std::string> pieces;
    for (const auto& range : snapshot::tile(snapshot::cut_by_page(info, static_cast<int>(count)))) {
        pieces.push_back(where(table, snapshot::ctid_key(), range));
    }
    return pieces;
}

/// Whether the first field that is read tells the interval: the key's first column, in binary.
bool first_field_tells(const VerifyTable& table) {
    if (table.range_key.empty() || table.key_columns == 0) return false;
    const auto& key = table.range_key.front();
    const auto& columns = table.plan->info.columns;
    return KeyIntervals::can_tell(key) &&
           std::any_of(columns.begin(), columns.end(), [&](const auto& column) {
               return column.name == key.name && column.binary_safe;
           });
}

std::size_t bucket_count(const VerifyTable& table, std::size_t parts) {
    const auto estimate = static_cast<std::int64_t>(table.plan->info.row_estimate);
    const auto rows =
        std::max(estimate, table.bytes[0] / kFewestBytesPerRow) / static_cast<std::int64_t>(parts);
    const auto wanted = std::max<std::int64_t>(rows / kRowsPerBucket, 1);
    return std::min(std::bit_ceil(static_cast<std::size_t>(wanted)),
                    std::bit_floor(kMostBuckets / parts));
}

class Cutter {
  public:
    Cutter(Connection& source, Connection& target, bool small_ranges)
        : source_(source),
          target_(target),
          small_ranges_(small_ranges),
          by_page_(source.server_major() >= kTidRangeScans &&
                   target.server_major() >= kTidRangeScans) {}

    void cut_table(const VerifyTable& table, std::vector<Unit>& units) {
        const bool has_key =
            !table.range_key.empty() && table.plan->info.kind != TableKind::extension_config;
        std::vector<Key> bounds;
        if (has_key && small_ranges_) {
            bounds = cut(source_, table, table.range_key.size(), kSampleRangeBytes);
        } else if (has_key && !by_page_) {
            bounds = planned_bounds(table);
        }
        if (!bounds.empty()) {
            add_ranges(table, snapshot::tile(bounds), units);
        } else {
            add_whole(table, has_key, units);
        }
    }

  private:
    void add_ranges(const VerifyTable& table, const std::vector<KeyRange>& ranges,
                    std::vector<Unit>& units) {
        const auto count = static_cast<std::int64_t>(ranges.size());
        for (const auto& range : ranges) {
            Unit unit{&table, range, {}, bucket_count(table, ranges.size()), {}, {}};
            for (std::size_t side = 0; side < 2; ++side) {
                unit.bytes[side] = table.bytes[side] / count;
                unit.pieces[side] = {where(table, table.range_key, range)};
            }
            units.push_back(std::move(unit));
        }
    }

    void add_whole(const VerifyTable& table, bool has_key, std::vector<Unit>& units) {
        Unit unit{&table, {}, {}, 1, {}, table.bytes};
        if (has_key && first_field_tells(table)) {
            unit.intervals = KeyIntervals(source_, table.range_key.front(),
                                          cut(source_, table, 1, kIntervalBytes));
        }
        unit.buckets = bucket_count(table, unit.intervals.count());
        unit.pieces = {pieces_by_page(source_, table, 0), pieces_by_page(target_, table, 1)};
        units.push_back(std::move(unit));
    }

    Connection& source_;
    Connection& target_;
    bool small_ranges_;
    bool by_page_;
};

}  // namespace

std::string Unit::display() const {
    std::string text = table->plan->info.display();
    if (range.lo || range.hi) text += " " + snapshot::display(range);
    return text;
}

std::array<std::vector<std::string>, 2> Unit::pieces_of(std::size_t interval) const {
    if (intervals.count() == 1) return pieces;
    const auto condition =
        where(*table, {table->range_key.front()}, intervals.ranges().at(interval));
    return {std::vector{condition}, std::vector{condition}};
}

std::vector<Unit> cut_into_units(Readers& readers, const std::vector<VerifyTable>& tables,
                                 bool small_ranges) {
    auto& target = readers.session(Side::target);
    std::vector<Unit> units;
    for (const auto& table : tables) {
        if (!table.problems.empty()) continue;
        readers.with_source(table.plan->info, [&](Connection& source) {
            Cutter(source, target, small_ranges).cut_table(table, units);
        });
    }
    return units;
}

}  // namespace pghaul::loader
