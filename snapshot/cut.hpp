// Finds the keys at which a table is cut into chunks of about equal bytes, without scanning it:
// rows are sampled from evenly spaced pages, and the source sorts and weighs them. So skew and
// gaps in the keys do not matter, and a table of a billion rows is cut in seconds.
#pragma once

#include <vector>

#include "io/connection.hpp"
#include "snapshot/key_range.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::snapshot {

/// At most `chunks - 1` ascending bounds by the table's key (fewer if the sample is small).
/// Throws: io::Error.
std::vector<Key> cut_by_key(io::Connection& source, const TableInfo& table, int chunks);

/// How far the heap lies in key order: 1 for wholly (up or down), 0 for not at all. From a sample
/// of about 200 pages; 1 for an empty one.
double heap_order(io::Connection& source, const TableInfo& table);

/// Evenly spaced page boundaries as ctid keys.
std::vector<Key> cut_by_page(const TableInfo& table, int chunks);

}  // namespace pghaul::snapshot
