#include "loader/verify/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "io/sql.hpp"
#include "loader/verify/verify_sql.hpp"
#include "snapshot/cut.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using snapshot::Key;
using snapshot::KeyColumn;
using snapshot::KeyRange;
using snapshot::Method;
using snapshot::TablePlan;

// ctid range scans read just their pages from this version on; before, each would scan it all.
constexpr int kTidRangeScans = 14;
// The text form of floats changed with this version.
constexpr int kShortestFloats = 12;
// Correlation of key order and page order above which a key range counts as lying together.
constexpr double kOrderedHeap = 0.9;
// What one statement reads at most, about: small enough that all streams end together and that a
// lost connection costs little.
constexpr std::int64_t kPieceBytes = std::int64_t{64} << 20;
// In a sample, ranges are to be smaller than tables usually are.
constexpr std::int64_t kSampleRangeBytes = std::int64_t{8} << 20;
constexpr std::int64_t kMostSampleRanges = 1024;
// Rows in a bucket: what must be read twice to find one that differs, but for the same pages.
constexpr std::int64_t kRowsPerBucket = 4096;
constexpr std::int64_t kFewestBytesPerRow = 32;
constexpr std::int64_t kMostBuckets = 65536;

// Built-in types whose B-tree order is the same on every server: no collation has a say in it.
const std::set<std::string, std::less<>> kSameOrder = {
    "pg_catalog.int2",     "pg_catalog.int4",        "pg_catalog.int8",     "pg_catalog.oid",
    "pg_catalog.bool",     "pg_catalog.numeric",     "pg_catalog.float4",   "pg_catalog.float8",
    "pg_catalog.date",     "pg_catalog.time",        "pg_catalog.timetz",   "pg_catalog.timestamp",
    "pg_catalog.uuid",     "pg_catalog.timestamptz", "pg_catalog.interval", "pg_catalog.bytea",
    "pg_catalog.\"char\"", "pg_catalog.macaddr",     "pg_catalog.macaddr8", "pg_catalog.inet",
    "pg_catalog.cidr",     "pg_catalog.bit",         "pg_catalog.varbit",   "pg_catalog.pg_lsn",
};

struct Description {
    std::int64_t pages = 0;
    std::int64_t bytes = 0;
    std::map<std::string, std::string> types;  // by column
    std::set<std::string> indexed;
};

/// By place in the list of tables; those that don't exist are left out.
std::map<std::size_t, Description> describe(Connection& server,
                                            const std::vector<TablePlan>& tables) {
    std::vector<std::string> schemas;
    std::vector<std::string> names;
    for (const auto& table : tables) {
        schemas.push_back(table.info.schema);
        names.push_back(table.info.name);
    }
    const auto rows =
        server.query(kDescribeTables, {io::array_literal(schemas), io::array_literal(names)});
    std::map<std::size_t, Description> all;
    for (int row = 0; row < rows.rows(); ++row) {
        Description one;
        one.pages = rows.integer(row, 1);
        one.bytes = rows.integer(row, 2);
        const auto columns = io::parse_array(rows.text(row, 3));
        const auto types = io::parse_array(rows.text(row, 4));
        for (std::size_t i = 0; i < columns.size(); ++i) one.types[columns[i]] = types[i];
        for (auto& name : io::parse_array(rows.text(row, 5))) one.indexed.insert(std::move(name));
        all[static_cast<std::size_t>(rows.integer(row, 0)) - 1] = std::move(one);
    }
    return all;
}

void name_columns(VerifyTable& table, const Description& source, const Description& target) {
    const auto& info = table.plan->info;
    if (info.key_is_complete) {
        for (const auto& column : info.key) table.columns.push_back(column.name);
    }
    table.key_columns = static_cast<int>(table.columns.size());
    for (const auto& column : info.columns) {
        const bool in_key = std::find(table.columns.begin(), table.columns.end(), column.name) !=
                            table.columns.end();
        if (!in_key) table.columns.push_back(column.name);
    }
    for (const auto& name : table.columns) {
        const auto column = std::find_if(info.columns.begin(), info.columns.end(),
                                         [&](const auto& one) { return one.name == name; });
        const bool binary = column != info.columns.end() && column->binary_safe &&
                            source.types.at(name) == target.types.at(name);
        // As a record's text a value is written by its type's own output function (a cast to text
        // may be somebody's function), and null differs from empty.
        table.list += (table.list.empty() ? "" : ", ") +
                      (binary ? io::quote_ident(name)
                              : "row(" + io::quote_ident(name) + ")::pg_catalog.text");
    }
}

std::vector<KeyColumn> range_key(const snapshot::TableInfo& info, const Description& source,
                                 const Description& target) {
    std::vector<KeyColumn> key;
    for (const auto& column : info.key) {
        const bool same = kSameOrder.contains(column.type) &&
                          column.operator_schema == io::quote_ident("pg_catalog") &&
                          source.types.at(column.name) == target.types.at(column.name);
        if (!same) break;
        key.push_back(column);
    }
    const bool indexed = !key.empty() && source.indexed.contains(key.front().name) &&
                         target.indexed.contains(key.front().name);
    return indexed ? key : std::vector<KeyColumn>{};
}

void check_columns(VerifyTable& table, const Description& server, const char* side) {
    for (const auto& column : table.plan->info.columns) {
        if (server.types.contains(column.name)) continue;
        table.problems.push_back("column " + column.name + " is missing on the " + side);
    }
}

VerifyTable describe_table(const TablePlan& plan, const Description* source,
                           const Description* target) {
    VerifyTable table;
    table.plan = &plan;
    if (source == nullptr) table.problems.emplace_back("the table is missing on the source");
    if (target == nullptr) table.problems.emplace_back("the table is missing on the target");
    if (source != nullptr) check_columns(table, *source, "source");
    if (target != nullptr) check_columns(table, *target, "target");
    if (!table.problems.empty()) return table;
    table.pages = {source->pages, target->pages};
    table.bytes = {source->bytes, target->bytes};
    name_columns(table, *source, *target);
    table.range_key = range_key(plan.info, *source, *target);
    return table;
}

/// The copy's bounds, cut down to the columns of range_key.
std::vector<Key> planned_bounds(const VerifyTable& table) {
    std::vector<Key> bounds;
    for (const auto& chunk : table.plan->chunks) {
        if (!chunk.range.hi) continue;
        Key bound(chunk.range.hi->begin(),
                  chunk.range.hi->begin() + static_cast<std::ptrdiff_t>(table.range_key.size()));
        if (bounds.empty() || bounds.back() != bound) bounds.push_back(std::move(bound));
    }
    return bounds;
}

bool can_read_by_page(const Connection& source, const Connection& target) {
    return source.server_major() >= kTidRangeScans && target.server_major() >= kTidRangeScans;
}

std::vector<KeyRange> ranges_of(Connection& source, Connection& target, const VerifyTable& table,
                                bool small_ranges) {
    auto info = table.plan->info;
    if (table.range_key.empty() || info.kind == snapshot::TableKind::extension_config) return {{}};
    info.pages = table.pages[0];
    info.key = table.range_key;
    if (small_ranges) {
        const auto count = std::min(table.bytes[0] / kSampleRangeBytes + 1, kMostSampleRanges);
        if (count == 1) return {{}};
        return snapshot::tile(snapshot::cut_by_key(source, info, static_cast<int>(count)));
    }
    if (table.plan->method != Method::key_ranges) return {{}};
    // A heap in another order would be read again for every range; by pages it is read once.
    if (can_read_by_page(source, target) && snapshot::heap_order(source, info) < kOrderedHeap) {
        return {{}};
    }
    return snapshot::tile(planned_bounds(table));
}

std::string where(const VerifyTable& table, const std::vector<KeyColumn>& key,
                  const KeyRange& range) {
    const auto& condition = table.plan->info.config_condition;
    if (!condition.empty()) return condition;
    const auto text = snapshot::predicate(key, range);
    return text.empty() ? "" : "where " + text;
}

/// How one side reads a table that is one range: by its own pages, if there are many.
std::vector<std::string> pieces_by_page(const Connection& server, const VerifyTable& table,
                                        std::size_t side) {
    const auto count = std::min(table.bytes[side] / kPieceBytes + 1, table.pages[side]);
    const bool whole = count < 2 || server.server_major() < kTidRangeScans ||
                       table.plan->info.kind == snapshot::TableKind::extension_config;
    if (whole) return {where(table, {}, {})};
    snapshot::TableInfo info;
    info.pages = table.pages[side];
    std::vector<std::string> pieces;
    for (const auto& range : snapshot::tile(snapshot::cut_by_page(info, static_cast<int>(count)))) {
        pieces.push_back(where(table, snapshot::ctid_key(), range));
    }
    return pieces;
}

std::size_t bucket_count(const VerifyTable& table, std::int64_t ranges) {
    const auto estimate = static_cast<std::int64_t>(table.plan->info.row_estimate);
    const auto rows = std::max(estimate, table.bytes[0] / kFewestBytesPerRow) / ranges;
    const auto wanted = std::clamp<std::int64_t>(rows / kRowsPerBucket, 1, kMostBuckets);
    return std::bit_ceil(static_cast<std::size_t>(wanted));
}

}  // namespace

Dialect dialect_of(Connection& source, Connection& target) {
    Dialect dialect;
    const auto ours = source.server_encoding();
    const auto theirs = target.server_encoding();
    const bool raw = ours == "SQL_ASCII" || theirs == "SQL_ASCII";
    dialect.rows_encoding = raw ? "SQL_ASCII" : ours == theirs ? ours : "UTF8";
    dialect.names_encoding = raw ? "SQL_ASCII" : "UTF8";
    const bool same_floats =
        (source.server_major() >= kShortestFloats) == (target.server_major() >= kShortestFloats);
    dialect.extra_float_digits = same_floats ? 3 : 0;
    return dialect;
}

std::string Unit::display() const {
    std::string text = table->plan->info.display();
    if (range.lo || range.hi) text += " " + snapshot::display(range);
    return text;
}

std::string read_rows_sql(const VerifyTable& table, const std::string& condition,
                          const std::string& first, const std::string& last) {
    std::string list = first;
    for (const auto& part : {table.list, last}) {
        if (!list.empty() && !part.empty()) list += ", ";
        list += part;
    }
    return fmt::format("copy (select {} from only {} {}) to stdout (format binary)", list,
                       table.plan->info.qualified(), condition);
}

std::vector<VerifyTable> describe_tables(Connection& source, Connection& target,
                                         const std::vector<TablePlan>& tables) {
    const auto ours = describe(source, tables);
    const auto theirs = describe(target, tables);
    const auto find = [](const auto& all, std::size_t i) {
        const auto found = all.find(i);
        return found == all.end() ? nullptr : &found->second;
    };
    std::vector<VerifyTable> described;
    for (std::size_t i = 0; i < tables.size(); ++i) {
        described.push_back(describe_table(tables[i], find(ours, i), find(theirs, i)));
    }
    return described;
}

std::vector<Unit> cut_into_units(Connection& source, Connection& target,
                                 const std::vector<VerifyTable>& tables, bool small_ranges) {
    std::vector<Unit> units;
    for (const auto& table : tables) {
        if (!table.problems.empty()) continue;
        const auto ranges = ranges_of(source, target, table, small_ranges);
        const auto count = static_cast<std::int64_t>(ranges.size());
        for (const auto& range : ranges) {
            Unit unit{&table, range, bucket_count(table, count), {}, {}};
            for (std::size_t side = 0; side < 2; ++side) {
                unit.bytes[side] = table.bytes[side] / count;
                if (count > 1) {
                    unit.pieces[side] = {where(table, table.range_key, range)};
                } else {
                    unit.pieces[side] = pieces_by_page(side == 0 ? source : target, table, side);
                }
            }
            units.push_back(std::move(unit));
        }
    }
    return units;
}

}  // namespace pghaul::loader
