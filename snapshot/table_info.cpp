#include "snapshot/table_info.hpp"

#include <algorithm>

#include "io/sql.hpp"

namespace pghaul::snapshot {
namespace {

std::string quoted_if_needed(const std::string& name) {
    const bool plain = !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
                       std::all_of(name.begin(), name.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                       });
    return plain ? name : io::quote_ident(name);
}

}  // namespace

std::string shape_changes(const TableShape& before, const TableShape& now) {
    std::string text;
    const auto compare = [&](const std::string& a, const std::string& b, const char* what) {
        if (a != b) text += (text.empty() ? "" : ", ") + std::string(what);
    };
    compare(before.place, now.place, "name, schema or partition bounds");
    compare(before.columns, now.columns, "columns");
    compare(before.indexes, now.indexes, "indexes");
    compare(before.constraints, now.constraints, "constraints");
    compare(before.triggers, now.triggers, "triggers");
    return text;
}

std::string TableInfo::qualified() const { return io::quote_qualified(schema, name); }

std::string TableInfo::column_list() const {
    std::vector<std::string> names;
    for (const auto& column : columns) names.push_back(column.name);
    return io::quote_ident_list(names);
}

std::string TableInfo::copy_columns() const {
    return columns.empty() ? std::string() : " (" + column_list() + ")";
}

std::string TableInfo::display() const { return display_name(schema, name); }

std::string display_name(const std::string& schema, const std::string& name) {
    return quoted_if_needed(schema) + "." + quoted_if_needed(name);
}

}  // namespace pghaul::snapshot
