#include "snapshot/catalog_indexes.hpp"

#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "io/sql.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/catalog_sql.hpp"

namespace pghaul::snapshot {
namespace {

/// In a smaller table, an index is too small for its size to be looked at anew.
constexpr std::int64_t kSmallTable = std::int64_t{1} << 20;

struct KeyCandidate {
    bool primary = false;
    Oid index = 0;
    std::vector<KeyColumn> usable;
    std::vector<ApplyColumn> columns;

    /// Better to cut by: usable at all, the primary key, fewest columns.
    bool better_than(const KeyCandidate& other) const {
        if (usable.empty() != other.usable.empty()) return !usable.empty();
        if (primary != other.primary) return primary;
        return columns.size() < other.columns.size();
    }
};

std::vector<std::pair<int, int>> parse_statistics(const std::string& text) {
    std::vector<std::pair<int, int>> targets;
    std::istringstream stream(text);
    int column = 0;
    int target = 0;
    char separator = 0;
    while (stream >> column >> separator >> target) {
        targets.emplace_back(column, target);
        stream >> separator;
    }
    return targets;
}

/// Says anew what indexes of larger tables take, and sums up.
void read_index_sizes(io::Connection& source, TableMap& tables) {
    std::map<Oid, IndexInfo*> large;
    std::vector<Oid> oids;
    for (auto& [oid, table] : tables) {
        if (table.bytes() < kSmallTable) continue;
        for (auto& index : table.indexes) {
            large[index.oid] = &index;
            oids.push_back(index.oid);
        }
    }
    const auto rows = source.query(kIndexSizes, {oid_array(oids)});
    for (int row = 0; row < rows.rows(); ++row) {
        large.at(static_cast<Oid>(rows.integer(row, 0)))->bytes = rows.integer(row, 1);
    }
    for (auto& [oid, table] : tables) {
        for (const auto& index : table.indexes) table.index_bytes += index.bytes;
    }
}

}  // namespace

TableInfo* find(TableMap& tables, const io::Result& rows, int row) {
    const auto found = tables.find(static_cast<Oid>(rows.integer(row, 0)));
    return found == tables.end() ? nullptr : &found->second;
}

void read_keys(io::Connection& source, const std::string& oids, const Types& types,
               TableMap& tables) {
    const std::string text = for_version(kListKeys, source.server_major());
    const auto rows = source.query({kListKeys.name, text}, {oids});
    std::map<Oid, KeyCandidate> best;
    for (int row = 0; row < rows.rows();) {
        const auto table = static_cast<Oid>(rows.integer(row, 0));
        const auto index = rows.integer(row, 1);
        KeyCandidate candidate;
        candidate.primary = rows.boolean(row, 2);
        candidate.index = static_cast<Oid>(index);
        bool prefix = true;
        for (; row < rows.rows() && rows.integer(row, 1) == index; ++row) {
            const auto type = static_cast<Oid>(rows.integer(row, 4));
            candidate.columns.push_back(
                {rows.string(row, 3),
                 "operator(" + io::quote_ident(rows.text(row, 7)) + "." + rows.string(row, 8) + ")",
                 types.text_tells(type) && rows.boolean(row, 9), types.built_in(type)});
            KeyColumn column{rows.string(row, 3), types.sql_name(type),
                             rows.boolean(row, 6) ? io::quote_ident(rows.text(row, 5)) : ""};
            // A row comparison has one operator name for all columns: take the prefix it fits.
            prefix = prefix && rows.boolean(row, 6) && !column.type.empty() &&
                     (candidate.usable.empty() ||
                      candidate.usable.front().operator_schema == column.operator_schema);
            if (prefix) candidate.usable.push_back(std::move(column));
        }
        const auto [place, added] = best.try_emplace(table, candidate);
        if (!added && candidate.better_than(place->second)) place->second = candidate;
    }
    for (auto& [oid, candidate] : best) {
        if (const auto table = tables.find(oid); table != tables.end()) {
            table->second.key_is_complete = candidate.usable.size() == candidate.columns.size();
            table->second.apply_key = std::move(candidate.columns);
            table->second.apply_index = candidate.index;
            table->second.key = std::move(candidate.usable);
        }
    }
}

void read_indexes(io::Connection& source, const std::string& oids, TableMap& tables) {
    const auto rows = source.query(kListIndexes, {oids});
    for (int row = 0; row < rows.rows(); ++row) {
        auto* table = find(tables, rows, row);
        // An extension makes its own tables' indexes.
        if (table == nullptr || table->kind == TableKind::extension_config) continue;
        IndexInfo index;
        index.oid = static_cast<Oid>(rows.integer(row, 1));
        index.name = rows.string(row, 2);
        index.definition = rows.string(row, 3);
        index.bytes = rows.integer(row, 4);
        index.constraint_oid = static_cast<Oid>(rows.integer(row, 5));
        index.constraint_name = rows.string(row, 6);
        index.constraint_kind = rows.string(row, 7);
        index.constraint_definition = rows.string(row, 8);
        index.deferrable = rows.boolean(row, 9);
        index.deferred = rows.boolean(row, 10);
        index.clustered = rows.boolean(row, 11);
        index.replica_identity = rows.boolean(row, 12);
        if (!rows.is_null(row, 13)) index.statistics = parse_statistics(rows.string(row, 13));
        index.tablespace = rows.string(row, 14);
        table->indexes.push_back(std::move(index));
    }
    read_index_sizes(source, tables);
}

}  // namespace pghaul::snapshot
