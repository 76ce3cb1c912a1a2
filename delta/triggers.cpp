#include "delta/triggers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "io/sql.hpp"

namespace pghaul::delta {
namespace {

using snapshot::TableInfo;
using snapshot::TableKind;

/// Transition tables exist neither on partitions nor on inheritance children, and logical
/// replication fires row triggers only.
bool by_row(const TableInfo& table) { return table.kind != TableKind::plain || table.subscribed; }

/// Trigger, its event and what it refers to.
struct TriggerKind {
    const char* what;
    const char* event;
    const char* how;
};

std::vector<TriggerKind> triggers_of(const TableInfo& table) {
    const TriggerKind truncate{"truncate", "truncate", "for each statement"};
    if (by_row(table)) {
        return {{"row", "insert or update or delete", "for each row"}, truncate};
    }
    return {{"insert", "insert", "referencing new table as new_rows for each statement"},
            {"update", "update",
             "referencing old table as old_rows new table as new_rows for each statement"},
            {"delete", "delete", "referencing old table as old_rows for each statement"},
            truncate};
}

/// a.k, a.l — the captured columns of a row variable or an alias.
std::string columns_of(const TableInfo& table, const std::string& alias) {
    std::string text;
    for (const auto& name : captured_columns(table)) {
        text += (text.empty() ? "" : ", ") + alias + "." + io::quote_ident(name);
    }
    return text;
}

std::string with_comma(const std::string& columns) { return columns.empty() ? "" : ", " + columns; }

// Triggers run with their owner's rights but under the writer's search_path: setting another one
// would add a quarter to the cost of a row trigger. So every name and operator in them is
// qualified.

/// Of a table without a key the delta tells rows that were inserted from others that were touched.
std::string mark(const TableInfo& table, bool inserted) {
    if (!table.apply_key.empty()) return {};
    return inserted ? ", true" : ", false";
}

std::string statement_body(const std::string& delta, const TableInfo& table) {
    // A key that stays the same needs one delta row, not two; UNION finds those, where the key's
    // types surely have the equality that it needs.
    const bool can_compare =
        !table.apply_key.empty() && std::all_of(table.apply_key.begin(), table.apply_key.end(),
                                                [](const auto& column) { return column.built_in; });
    return fmt::format(R"sql(
    if tg_op operator(pg_catalog.=) 'UPDATE' then
        insert into {0} select pg_catalog.txid_current(), u.*{7}
          from (select {3} from old_rows as o {5} select {4} from new_rows as n) as u;
    elsif tg_op operator(pg_catalog.=) 'INSERT' then
        insert into {0} select pg_catalog.txid_current(){1}{6} from new_rows as n;
    elsif tg_op operator(pg_catalog.=) 'DELETE' then
        insert into {0} select pg_catalog.txid_current(){2}{7} from old_rows as o;
)sql",
                       delta, with_comma(columns_of(table, "n")),
                       with_comma(columns_of(table, "o")), columns_of(table, "o"),
                       columns_of(table, "n"), can_compare ? "union" : "union all",
                       mark(table, true), mark(table, false));
}

std::string row_body(const std::string& delta, const TableInfo& table) {
    const auto old_row = columns_of(table, "old");
    const auto new_row = columns_of(table, "new");
    // Without the casts, ROW compared to ROW would look for *<> between the columns.
    return fmt::format(R"sql(
    if tg_op operator(pg_catalog.=) 'UPDATE' then
        if row({3})::pg_catalog.record operator(pg_catalog.*<>) row({4})::pg_catalog.record then
            insert into {0} values (pg_catalog.txid_current(){2}{6}),
                (pg_catalog.txid_current(){1}{6});
        else
            insert into {0} values (pg_catalog.txid_current(){1}{6});
        end if;
    elsif tg_op operator(pg_catalog.=) 'INSERT' then
        insert into {0} values (pg_catalog.txid_current(){1}{5});
    elsif tg_op operator(pg_catalog.=) 'DELETE' then
        insert into {0} values (pg_catalog.txid_current(){2}{6});
)sql",
                       delta, with_comma(new_row), with_comma(old_row), old_row, new_row,
                       mark(table, true), mark(table, false));
}

}  // namespace

std::vector<std::string> captured_columns(const TableInfo& table) {
    std::vector<std::string> names;
    for (const auto& column : table.apply_key) names.push_back(column.name);
    if (!names.empty()) return names;
    for (const auto& column : table.columns) names.push_back(column.name);
    return names;
}

int trigger_count(const TableInfo& table) { return static_cast<int>(triggers_of(table).size()); }

std::string made_for(const TableInfo& table) {
    return fmt::format("{} of columns {}", columns_of(table, "t"), table.shape.columns);
}

std::string create_delta_sql(const CaptureSite& site, const TableInfo& table) {
    std::string columns;
    int number = 0;
    for (const auto& name : captured_columns(table)) {
        columns += fmt::format(", {} as k{}", io::quote_ident(name), ++number);
    }
    if (table.apply_key.empty()) columns += ", true as inserted";
    // Taken from the table itself, the columns have its types, lengths and collations.
    return fmt::format(
        "create table {0} as select pg_catalog.txid_current() as x{1} from only {2} with no data; "
        "comment on table {0} is {3}",
        delta_table(site, table.oid), columns, table.qualified(),
        io::quote_literal(made_for(table)));
}

std::string function_sql(const CaptureSite& site, const TableInfo& table) {
    const auto delta = delta_table(site, table.oid);
    const std::string body = fmt::format(
        "\nbegin{}    elsif tg_op operator(pg_catalog.=) 'TRUNCATE' then\n        insert into {} "
        "values (pg_catalog.txid_current(), tg_relid);\n    end if;\n    return null;\nend\n",
        by_row(table) ? row_body(delta, table) : statement_body(delta, table),
        truncated_table(site));
    return fmt::format(
        "create or replace function {}() returns trigger language plpgsql security definer as {}",
        trigger_function(site, table.oid), io::quote_literal(body));
}

std::string create_triggers_sql(const CaptureSite& site, const TableInfo& table) {
    std::string sql;
    for (const auto& trigger : triggers_of(table)) {
        const auto name = capture_trigger(site, trigger.what);
        sql += fmt::format(
            "drop trigger if exists {0} on {1}; "
            "create trigger {0} after {2} on {1} {3} execute procedure {4}(); "
            "alter table only {1} enable always trigger {0}; ",
            name, table.qualified(), trigger.event, trigger.how, trigger_function(site, table.oid));
    }
    return sql;
}

}  // namespace pghaul::delta
