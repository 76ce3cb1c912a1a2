#include "snapshot/cut.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/sql.hpp"

namespace pghaul::snapshot {
namespace {

// Pages sampled per chunk. On a heap in key order a page is one sample, so a bound is off by about
// a page's share of a chunk; on a heap in random order each row is one and up to 16 rows come from
// each page. Either way the largest chunk stays well below 1.5 times the mean
// (tests/snapshot/cut_test.cpp). Huge tables take fewer per chunk to bound the random reads:
// 512 chunks * 48 pages = 25 thousand reads.
constexpr std::int64_t kPagesPerChunk = 48;
constexpr std::int64_t kPagesPerChunkOfMany = 16;
constexpr int kMany = 512;
// Line pointers tried per page, among twice as many as it has rows: where every row was updated in
// place, the lower half only redirects, and no row is found under it.
constexpr std::int64_t kTriesPerPage = 32;
constexpr std::int64_t kFewestSlots = 8;
constexpr std::int64_t kMostSlots = 291;  // MaxHeapTuplesPerPage with 8 kB pages
constexpr double kUnknownRowsPerPage = 60;

std::string sampled_rows(const TableInfo& table, int chunks) {
    const std::int64_t pages = std::max<std::int64_t>(table.pages, 1);
    const std::int64_t wanted = chunks * (chunks > kMany ? kPagesPerChunkOfMany : kPagesPerChunk);
    const std::int64_t sampled = std::min(pages, wanted);
    // A line pointer that holds no live row gives none, which costs next to nothing.
    const double per_page = table.row_estimate > 0 ? table.row_estimate / static_cast<double>(pages)
                                                   : kUnknownRowsPerPage;
    const auto slots =
        std::clamp<std::int64_t>(std::llround(2 * per_page), kFewestSlots, kMostSlots);
    const std::int64_t tried = std::min(slots, kTriesPerPage);
    return fmt::format(
        "select ('(' || (p * {0} + {0} / 2) / {1} || ',' || 1 + s * {2} / {3} || ')')"
        "::pg_catalog.tid"
        " from pg_catalog.generate_series(0::pg_catalog.int8, {1} - 1) as p,"
        " pg_catalog.generate_series(0, {3} - 1) as s",
        pages, sampled, slots, tried);
}

/// Bytes of a row as stored. Sizes vary much only where TOAST is in use; asking for a value's
/// stored size does not fetch it.
std::string row_weight(const TableInfo& table) {
    std::string weight = "24";
    if (table.toast_bytes == 0) return weight;
    for (const auto& column : table.columns) {
        if (!column.variable_size) continue;
        weight += " + coalesce(pg_catalog.pg_column_size(" + io::quote_ident(column.name) + "), 0)";
    }
    return weight;
}

/// Pieces of a query on a sample whose key columns are named k0, k1, …
struct KeyColumns {
    std::string named;  // "a" as k0, "b" as k1
    std::string keys;   // k0, k1
    std::string order;  // in the index's order
};

KeyColumns key_columns(const TableInfo& table) {
    KeyColumns columns;
    for (std::size_t i = 0; i < table.key.size(); ++i) {
        const char* comma = i == 0 ? "" : ", ";
        columns.named += fmt::format("{}{} as k{}", comma, io::quote_ident(table.key[i].name), i);
        columns.keys += fmt::format("{}k{}", comma, i);
        columns.order +=
            fmt::format("{}k{} using operator({}.<)", comma, i, table.key[i].operator_schema);
    }
    return columns;
}

}  // namespace

std::vector<Key> cut_by_key(io::Connection& source, const TableInfo& table, int chunks) {
    const auto [named, keys, order] = key_columns(table);
    const std::string sql = fmt::format(
        R"sql(
        with sampled as (
            select {named}, ({weight})::pg_catalog.numeric as weight
              from only {table}
             where ctid = any(array({tids}))
        ), placed as (
            select {keys},
                   pg_catalog.floor((pg_catalog.sum(weight) over (order by {order}
                                         rows unbounded preceding) - weight)
                                    * {chunks} / pg_catalog.sum(weight) over ()) as bucket
              from sampled
        ), marked as (
            select {keys}, bucket, pg_catalog.lag(bucket) over (order by {order}) as before
              from placed
        )
        select {keys} from marked where bucket <> before order by {order}
        )sql",
        fmt::arg("named", named), fmt::arg("weight", row_weight(table)),
        fmt::arg("table", table.qualified()), fmt::arg("tids", sampled_rows(table, chunks)),
        fmt::arg("keys", keys), fmt::arg("order", order), fmt::arg("chunks", chunks));

    const auto rows = source.query({"cut_by_key", sql});
    std::vector<Key> bounds;
    for (int row = 0; row < rows.rows(); ++row) {
        Key key;
        for (int column = 0; column < rows.columns(); ++column) {
            key.push_back(rows.string(row, column));
        }
        if (bounds.empty() || bounds.back() != key) bounds.push_back(std::move(key));
    }
    return bounds;
}

double heap_order(io::Connection& source, const TableInfo& table) {
    constexpr int kSample = 4;  // as for four chunks
    const auto columns = key_columns(table);
    const std::string sql = fmt::format(
        R"sql(
        with sampled as (
            select {named}, ctid as place
              from only {table}
             where ctid = any(array({tids}))
        ), placed as (
            select pg_catalog.row_number() over (order by {order}) as by_key,
                   pg_catalog.row_number() over (order by place) as by_place
              from sampled
        )
        select coalesce(pg_catalog.abs(pg_catalog.corr(by_key, by_place)), 1) from placed
        )sql",
        fmt::arg("named", columns.named), fmt::arg("table", table.qualified()),
        fmt::arg("tids", sampled_rows(table, kSample)), fmt::arg("order", columns.order));
    return source.query_row({"heap_order", sql}).real(0, 0);
}

std::vector<Key> cut_by_page(const TableInfo& table, int chunks) {
    std::vector<Key> bounds;
    for (int i = 1; i < chunks; ++i) {
        const std::int64_t page = table.pages * i / chunks;
        bounds.push_back({fmt::format("({},0)", page)});
    }
    return bounds;
}

}  // namespace pghaul::snapshot
