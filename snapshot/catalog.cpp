#include "snapshot/catalog.hpp"

#include <map>
#include <set>
#include <sstream>

#include "io/error.hpp"
#include "snapshot/catalog_indexes.hpp"
#include "snapshot/catalog_sql.hpp"
#include "snapshot/keeper_sql.hpp"
#include "snapshot/types.hpp"

namespace pghaul::snapshot {
namespace {

using io::Result;

TableMap read_tables(io::Connection& source, const std::string& oids, bool for_plan,
                     Catalog& catalog) {
    TableMap tables;
    const auto rows = source.query(kListTables, {oids, for_plan ? "true" : "false"});
    for (int row = 0; row < rows.rows(); ++row) {
        TableInfo table;
        table.oid = static_cast<Oid>(rows.integer(row, 0));
        table.schema = rows.string(row, 1);
        table.name = rows.string(row, 2);
        table.kind = rows.boolean(row, 3)   ? TableKind::partition
                     : rows.boolean(row, 4) ? TableKind::inheritance_child
                                            : TableKind::plain;
        table.heap_bytes = rows.integer(row, 5);
        table.toast_bytes = rows.integer(row, 6);
        table.row_estimate = rows.real(row, 7);
        table.pages = table.heap_bytes / rows.integer(row, 8);
        table.filenode = static_cast<Oid>(rows.integer(row, 9));
        if (!rows.boolean(row, 10)) catalog.unreadable.push_back(table.display());
        if (rows.boolean(row, 11)) catalog.filtered.push_back(table.display());
        if (!rows.is_null(row, 12)) {
            table.kind = TableKind::extension_config;
            table.config_condition = rows.string(row, 12);
        }
        table.subscribed = rows.boolean(row, 13);
        tables.emplace(table.oid, std::move(table));
    }
    if (!for_plan) return tables;
    const auto roots = source.query(kListPartitionRoots, {oids});
    for (int row = 0; row < roots.rows(); ++row) {
        if (auto* table = find(tables, roots, row)) {
            table->root_schema = roots.string(row, 1);
            table->root_name = roots.string(row, 2);
        }
    }
    return tables;
}

void read_columns(io::Connection& source, const std::string& oids, const Types& types,
                  TableMap& tables) {
    const std::string text = for_version(kListColumns, source.server_major());
    const auto rows = source.query({kListColumns.name, text}, {oids});
    for (int row = 0; row < rows.rows(); ++row) {
        if (auto* table = find(tables, rows, row)) {
            table->columns.push_back({rows.string(row, 1),
                                      types.binary_safe(static_cast<Oid>(rows.integer(row, 2))),
                                      rows.boolean(row, 3)});
        }
    }
}

void read_foreign_keys(io::Connection& source, const std::string& oids, Catalog& catalog) {
    const std::string text = for_version(kListForeignKeys, source.server_major());
    const auto rows = source.query({kListForeignKeys.name, text}, {oids});
    for (int row = 0; row < rows.rows(); ++row) {
        catalog.foreign_keys.push_back({
            static_cast<Oid>(rows.integer(row, 0)),
            rows.string(row, 1),
            io::quote_qualified(rows.text(row, 2), rows.text(row, 3)),
            display_name(rows.string(row, 2), rows.string(row, 3)),
            rows.string(row, 4),
            rows.boolean(row, 5),
            rows.boolean(row, 6),
            static_cast<Oid>(rows.integer(row, 7)),
        });
    }
}

/// Depth first: every view after what it reads. The catalog can't hold a cycle of views that a
/// refresh could run, but a set of visited ones makes sure of an end.
void visit(Oid view, const std::multimap<Oid, Oid>& reads, std::set<Oid>& seen,
           std::vector<Oid>& order) {
    if (!seen.insert(view).second) return;
    const auto [first, last] = reads.equal_range(view);
    for (auto it = first; it != last; ++it) visit(it->second, reads, seen, order);
    order.push_back(view);
}

void read_others(io::Connection& source, const std::string& oids, Catalog& catalog) {
    std::map<Oid, std::string> matviews;
    const auto rows = source.query(kListOthers, {oids});
    for (int row = 0; row < rows.rows(); ++row) {
        const auto qualified = io::quote_qualified(rows.text(row, 1), rows.text(row, 2));
        switch (rows.text(row, 3).front()) {
            case 'S':
                catalog.sequences.push_back({rows.string(row, 1), rows.string(row, 2)});
                if (!rows.boolean(row, 6)) {
                    catalog.unreadable.push_back(
                        "sequence " + display_name(rows.string(row, 1), rows.string(row, 2)));
                }
                break;
            case 'p':
                if (!rows.boolean(row, 5)) catalog.partition_roots.push_back(qualified);
                break;
            case 'm':
                if (rows.boolean(row, 4)) {
                    matviews[static_cast<Oid>(rows.integer(row, 0))] = qualified;
                }
                break;
            case 'f':
                catalog.foreign_tables.push_back(qualified);
                break;
            default:
                break;
        }
    }
    if (matviews.empty()) return;
    std::multimap<Oid, Oid> reads;
    const auto edges = source.query(kListViewReads);
    for (int row = 0; row < edges.rows(); ++row) {
        reads.emplace(edges.integer(row, 0), edges.integer(row, 1));
    }
    std::set<Oid> seen;
    std::vector<Oid> order;
    for (const auto& [oid, name] : matviews) visit(oid, reads, seen, order);
    for (const Oid oid : order) {
        if (const auto found = matviews.find(oid); found != matviews.end()) {
            catalog.materialized_views.push_back(found->second);
        }
    }
}

void read_digests(io::Connection& source, const std::vector<Oid>& chosen, TableMap& tables) {
    for (auto& [oid, named] : read_shapes(source, chosen)) {
        if (const auto table = tables.find(oid); table != tables.end()) {
            table->second.shape = std::move(named.shape);
        }
    }
}

Catalog read_part(io::Connection& source, const std::vector<Oid>& chosen, CatalogPart part) {
    Catalog catalog;
    const std::string oids = oid_array(chosen);
    const bool for_plan = part == CatalogPart::plan || part == CatalogPart::all;
    TableMap tables = read_tables(source, oids, for_plan, catalog);
    read_others(source, oids, catalog);
    catalog.lock_capacity = lock_capacity(source);
    if (part != CatalogPart::rights) {
        const Types types(source);
        read_keys(source, oids, types, tables);
        if (for_plan) read_columns(source, oids, types, tables);
    }
    if (for_plan) {
        read_indexes(source, oids, tables);
        read_foreign_keys(source, oids, catalog);
    }
    if (part == CatalogPart::all) read_digests(source, chosen, tables);
    for (auto& [oid, table] : tables) catalog.tables.push_back(std::move(table));
    return catalog;
}

}  // namespace

std::string for_version(const io::Query& query, int server_major) {
    std::istringstream lines{std::string(query.text)};
    std::string adapted;
    std::string line;
    constexpr std::string_view kMark = "-- since ";
    while (std::getline(lines, line)) {
        if (const auto mark = line.find(kMark); mark != std::string::npos) {
            if (std::stoi(line.substr(mark + kMark.size())) > server_major) continue;
        }
        adapted += line + "\n";
    }
    return adapted;
}

std::vector<TableInfo> list_names(io::Connection& source, const std::vector<Oid>& chosen) {
    const auto rows = source.query(kListNames, {oid_array(chosen)});
    std::vector<TableInfo> tables;
    for (int row = 0; row < rows.rows(); ++row) {
        TableInfo table;
        table.oid = static_cast<Oid>(rows.integer(row, 0));
        table.schema = rows.string(row, 1);
        table.name = rows.string(row, 2);
        tables.push_back(std::move(table));
    }
    return tables;
}

std::int64_t lock_capacity(io::Connection& source) {
    return std::stoll(source.query_value(kLockCapacity));
}

std::map<Oid, NamedShape> read_shapes(io::Connection& source, const std::vector<Oid>& chosen) {
    const std::string text = for_version(kListShapes, source.server_major());
    const auto rows = source.query({kListShapes.name, text}, {oid_array(chosen)});
    std::map<Oid, NamedShape> shapes;
    for (int row = 0; row < rows.rows(); ++row) {
        shapes[static_cast<Oid>(rows.integer(row, 0))] = {
            display_name(rows.string(row, 6), rows.string(row, 7)),
            {rows.string(row, 1), rows.string(row, 2), rows.string(row, 3), rows.string(row, 4),
             rows.string(row, 5)}};
    }
    return shapes;
}

std::string oid_array(const std::vector<Oid>& oids) {
    std::string text = "{";
    for (const Oid oid : oids) {
        if (text.size() > 1) text += ',';
        text += std::to_string(oid);
    }
    return text + "}";
}

void explain_lock_timeout(io::Connection& source, const std::vector<Oid>& tables,
                          io::Error& error) {
    const auto rows = source.query(kExclusiveLocks, {oid_array(tables)});
    std::string text;
    for (int row = 0; row < rows.rows(); ++row) {
        text += (row == 0 ? "" : "; ") + rows.string(row, 0) + " is held by pid " +
                rows.string(row, 1) + " (" + rows.string(row, 2) + ", for " + rows.string(row, 3) +
                " s): " + rows.string(row, 4);
    }
    if (!text.empty()) error.detail(text);
    error.exit_code(io::ExitCode::stopped).hint("wait for that session or end it, then run again");
}

Catalog read_catalog(io::Connection& source, const std::vector<Oid>& chosen, CatalogPart part) {
    try {
        return read_part(source, chosen, part);
    } catch (io::Error& error) {
        if (error.sqlstate() == "55P03" && !source.in_transaction()) {
            explain_lock_timeout(source, chosen, error);
        }
        throw;
    }
}

}  // namespace pghaul::snapshot
