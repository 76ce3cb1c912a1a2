#include "loader/verify/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "io/sql.hpp"
#include "loader/verify/verify_sql.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using snapshot::KeyColumn;
using snapshot::TablePlan;

// The text form of floats changed with this version.
constexpr int kShortestFloats = 12;
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
    std::set<std::string> names;
    for (const auto& column : table.plan->info.columns) names.insert(column.name);
    for (const auto& column : table.plan->info.key) names.insert(column.name);
    for (const auto& name : names) {
        if (server.types.contains(name)) continue;
        table.problems.push_back("column " + name + " is missing on the " + side);
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

}  // namespace pghaul::loader
