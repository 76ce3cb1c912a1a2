#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "io/row_reader.hpp"
#include "io/sql.hpp"
#include "loader/verify/narrow.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using Kind = RowDifference::Kind;

// Characters of a row that has no key: enough to know it by.
constexpr int kShownOfRow = 1000;

struct NamedRow {
    /// Of each of VerifyTable::columns; a null has none of its own, so the flag is part of it.
    std::vector<std::pair<bool, io::Hash128>> columns;
    std::vector<std::string> texts;
};
using NamedRows = std::map<RowPlace, NamedRow>;

/// What is read behind the columns, as text: each column of the key, or the whole row.
std::vector<std::string> names_of(const VerifyTable& table) {
    return {table.columns.begin(), table.columns.begin() + table.key_columns};
}

std::string texts_list(const VerifyTable& table) {
    const auto names = names_of(table);
    if (names.empty()) {
        return fmt::format("pg_catalog.\"left\"(row({})::pg_catalog.text, {})",
                           io::quote_ident_list(table.columns), kShownOfRow);
    }
    std::string list;
    for (const auto& name : names) {
        // The type's own output function, whatever casts to text there are.
        list += fmt::format("{}pg_catalog.format('%s', {})", list.empty() ? "" : ", ",
                            io::quote_ident(name));
    }
    return list;
}

NamedRow read_row(std::string_view fields, const VerifyTable& table) {
    NamedRow row;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        bool is_null = false;
        const auto value = io::take_field(fields, &is_null);
        row.columns.emplace_back(is_null, io::hash_of(value));
    }
    while (!fields.empty()) row.texts.emplace_back(io::take_field(fields));
    return row;
}

std::vector<ReadItem> items_of(const VerifyTable& table, const std::vector<RowPlace>& places,
                               const std::string& encoding, NamedRows& rows) {
    if (places.empty()) return {};
    const auto condition =
        "where ctid = any(" + io::quote_literal(place_array(places)) + "::pg_catalog.tid[])";
    const auto sql = read_rows_sql(table, condition, "ctid", texts_list(table));
    return {{"names of " + table.plan->info.display(), 0,
             [&, sql](Connection& connection, io::StreamProgress& progress) {
                 rows.clear();
                 io::RowReader reader(connection, sql, encoding, progress);
                 for (std::string_view fields; reader.next(fields);) {
                     const auto place = place_of(io::take_field(fields));
                     rows[place] = read_row(fields, table);
                 }
             },
             &table.plan->info}};
}

void fill_in(const VerifyTable& table, const NamedRows& source, const NamedRows& target,
             RowDifference& difference) {
    const auto ours = source.find(difference.source_place);
    const auto theirs = target.find(difference.target_place);
    const auto* shown = ours != source.end()     ? &ours->second
                        : theirs != target.end() ? &theirs->second
                                                 : nullptr;
    if (shown == nullptr) throw io::Error("a row that differs was not found again");
    auto names = names_of(table);
    if (names.empty()) names.emplace_back();
    for (std::size_t i = 0; i < names.size(); ++i) {
        difference.key.emplace_back(names[i], shown->texts.at(i));
    }
    if (difference.kind != Kind::different) return;
    if (theirs == target.end()) throw io::Error("a row that differs was not found again");
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        if (ours->second.columns[i] != theirs->second.columns[i]) {
            difference.columns.push_back(table.columns[i]);
        }
    }
}

void name_in(Readers& readers, const std::string& encoding, const VerifyTable& table,
             std::vector<RowDifference>& rows) {
    std::vector<RowPlace> ours;
    std::vector<RowPlace> theirs;
    for (const auto& row : rows) {
        if (row.source_place != 0) ours.push_back(row.source_place);
        if (row.target_place != 0) theirs.push_back(row.target_place);
    }
    NamedRows source;
    NamedRows target;
    readers.run(items_of(table, ours, encoding, source), items_of(table, theirs, encoding, target));
    if (readers.truncated(table.plan->info)) return;
    for (auto& row : rows) fill_in(table, source, target, row);
}

}  // namespace

void name_rows(Readers& readers, const Dialect& dialect, const VerifyTable& table,
               std::vector<RowDifference>& rows) {
    try {
        name_in(readers, dialect.names_encoding, table, rows);
    } catch (const io::Error& error) {
        // 22021, 22P05: a value that has no place in Unicode is shown as its bytes.
        const bool unshowable = error.sqlstate() == "22021" || error.sqlstate() == "22P05";
        if (!unshowable || dialect.rows_encoding == dialect.names_encoding) throw;
        name_in(readers, dialect.rows_encoding, table, rows);
    }
}

}  // namespace pghaul::loader
