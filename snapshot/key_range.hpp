// Half-open key ranges: how a table is cut (invariant 2). Comparison is never done here: a range
// only knows how to say itself to the source in SQL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "snapshot/table_info.hpp"

namespace pghaul::snapshot {

/// A key's values in the server's text form, one per key column.
using Key = std::vector<std::string>;

/// lo <= key < hi; an absent end is open, so a table's chunks tile (-inf, +inf) by construction.
struct KeyRange {
    std::optional<Key> lo;
    std::optional<Key> hi;
};

/// The ranges between the given bounds: bounds.size() + 1 of them, first lo and last hi open.
/// Requires: bounds ascending in the source's order.
std::vector<KeyRange> tile(const std::vector<Key>& bounds);

/// A condition on the columns that a B-tree index on them can serve; empty if both ends are open.
std::string predicate(const std::vector<KeyColumn>& key, const KeyRange& range);

/// [lo, hi) for people. Values of the key are shown, never other columns.
std::string display(const KeyRange& range);

/// The physical row address as a key: for tables without one, within a single snapshot.
std::vector<KeyColumn> ctid_key();

}  // namespace pghaul::snapshot
