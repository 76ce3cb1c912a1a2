#include "snapshot/planner.hpp"

#include <algorithm>
#include <set>

#include "io/sql.hpp"
#include "snapshot/cut.hpp"

namespace pghaul::snapshot {
namespace {

// With two streams, twenty kills of one job then send 20 * 2 / 192 = 21 % of the bytes again at the
// worst. Source: docs/decisions.md, "Chunks are a 192nd of the database".
constexpr std::int64_t kChunksOfAll = 192;
constexpr std::int64_t kSmallestChunk = std::int64_t{16} << 20;
constexpr std::int64_t kLargestChunk = std::int64_t{256} << 20;
// Below this a second stream costs more (no FREEZE, rows out of key order) than it wins.
constexpr std::int64_t kSmallestLongPole = std::int64_t{64} << 20;
constexpr std::int64_t kSmallestFrozen = std::int64_t{1} << 20;
// ctid range scans read just their pages from this version on; before, each would scan it all.
constexpr int kTidRangeScans = 14;
// Correlation of key order and page order above which a key range counts as lying together.
constexpr double kOrderedHeap = 0.9;

bool binary_fits(const TableInfo& table, const PlanOptions& options) {
    if (options.format == FormatChoice::text) return false;
    if (options.format == FormatChoice::binary) return true;
    return options.integer_datetimes &&
           std::all_of(table.columns.begin(), table.columns.end(),
                       [](const Column& column) { return column.binary_safe; });
}

/// A key range of a heap in another order lies on most of its pages: every chunk would read nearly
/// the whole table. Ranges of pages read each page once. (Not where most bytes are in TOAST: pages
/// say nothing about those, and the heap is small beside them.)
bool better_by_page(io::Connection& source, const TableInfo& info, const PlanOptions& options) {
    return options.one_snapshot && source.server_major() >= kTidRangeScans &&
           info.heap_bytes > info.toast_bytes && heap_order(source, info) < kOrderedHeap;
}

std::vector<Key> bounds_for(io::Connection& source, TablePlan& table, int chunks,
                            const PlanOptions& options) {
    if (chunks < 2 || table.info.kind == TableKind::extension_config) return {};
    if (!table.info.key.empty() && !better_by_page(source, table.info, options)) {
        table.method = Method::key_ranges;
        return cut_by_key(source, table.info, chunks);
    }
    if (options.one_snapshot && source.server_major() >= kTidRangeScans) {
        table.method = Method::ctid_ranges;
        return cut_by_page(table.info, chunks);
    }
    return {};
}

TablePlan plan_table(io::Connection& source, TableInfo info, std::int64_t total_bytes,
                     const PlanOptions& options) {
    TablePlan table;
    table.info = std::move(info);
    table.format = binary_fits(table.info, options) ? Format::binary : Format::text;
    const int chunks = chunk_count(table.info.bytes(), total_bytes, options);
    const auto ranges = tile(bounds_for(source, table, chunks, options));
    if (ranges.size() == 1) table.method = Method::whole;
    const auto share = table.info.bytes() / static_cast<std::int64_t>(ranges.size());
    for (const auto& range : ranges) {
        table.chunks.push_back({static_cast<int>(table.chunks.size()), range, share});
    }
    // An extension's own rows stand in its table already: nothing there may be truncated. For a
    // small table TRUNCATE costs more (three new files, one of them synced) than a vacuum later.
    table.freeze = options.freeze && table.method == Method::whole &&
                   table.info.kind != TableKind::extension_config &&
                   table.info.bytes() > kSmallestFrozen;
    return table;
}

}  // namespace

std::int64_t automatic_chunk_bytes(std::int64_t total_bytes) {
    return std::clamp(total_bytes / kChunksOfAll, kSmallestChunk, kLargestChunk);
}

int chunk_count(std::int64_t table_bytes, std::int64_t total_bytes, const PlanOptions& options) {
    const auto pieces_of = [&](std::int64_t piece) {
        return static_cast<int>((table_bytes + piece - 1) / std::max<std::int64_t>(piece, 1));
    };
    const auto chunk_bytes = options.chunk_bytes.value_or(automatic_chunk_bytes(total_bytes));
    int chunks = std::max(1, pieces_of(chunk_bytes));
    // A table that alone takes longer than its fair share would be read by one stream while the
    // others idle at the end.
    const std::int64_t fair_share = total_bytes / options.jobs;
    if (options.jobs > 1 && table_bytes > fair_share && table_bytes > kSmallestLongPole) {
        chunks = std::max(chunks, pieces_of(std::max(fair_share / 2, kSmallestLongPole / 2)));
    }
    return chunks;
}

Plan make_plan(io::Connection& source, Catalog catalog, const PlanOptions& options) {
    std::stable_sort(catalog.tables.begin(), catalog.tables.end(),
                     [](const TableInfo& a, const TableInfo& b) { return a.bytes() > b.bytes(); });
    std::int64_t total_bytes = 0;
    for (const auto& table : catalog.tables) total_bytes += table.bytes();

    Plan plan;
    plan.encoding = source.server_encoding();
    // A leaf whose topmost table was not chosen stands for itself.
    const std::set<std::string> roots(catalog.partition_roots.begin(),
                                      catalog.partition_roots.end());
    for (auto& info : catalog.tables) {
        if (!roots.contains(io::quote_qualified(info.root_schema, info.root_name))) {
            info.root_schema.clear();
            info.root_name.clear();
        }
    }
    // Each stream holds a few locks more; half of the table leaves room for everybody else.
    plan.capture = options.capture;
    plan.lock_all_tables = !options.capture && static_cast<std::int64_t>(catalog.tables.size()) <
                                                   catalog.lock_capacity / 2;
    for (auto& info : catalog.tables) {
        plan.tables.push_back(plan_table(source, std::move(info), total_bytes, options));
        plan.tables.back().number = static_cast<int>(plan.tables.size()) - 1;
    }
    plan.foreign_keys = std::move(catalog.foreign_keys);
    plan.sequences = std::move(catalog.sequences);
    plan.materialized_views = std::move(catalog.materialized_views);
    plan.partition_roots = std::move(catalog.partition_roots);
    return plan;
}

}  // namespace pghaul::snapshot
