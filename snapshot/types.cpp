#include "snapshot/types.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "snapshot/catalog_sql.hpp"

namespace pghaul::snapshot {
namespace {

// Built-in types whose binary COPY form is the same on every server of the last twenty years.
// Left out on purpose: reg* (numbers of another catalog), money (scaled by the server's locale),
// tsvector (lexeme order differs with the signedness of char, so ARM and x86 disagree), xml (an
// encoding declaration rides along), composites and arrays of user types (they carry OIDs).
// Source: the typsend functions in src/backend/utils/adt of PostgreSQL 8.4 to 18.
constexpr std::array<std::string_view, 44> kBinarySafe = {
    "bool",          "bytea",      "char",    "name",     "int8",    "int2",      "int4",
    "text",          "oid",        "xid",     "cid",      "tid",     "json",      "jsonb",
    "point",         "lseg",       "path",    "box",      "polygon", "line",      "circle",
    "float4",        "float8",     "macaddr", "macaddr8", "inet",    "cidr",      "bpchar",
    "varchar",       "date",       "time",    "timetz",   "uuid",    "timestamp", "timestamptz",
    "interval",      "numeric",    "bit",     "varbit",   "pg_lsn",  "jsonpath",  "xid8",
    "txid_snapshot", "pg_snapshot"};

constexpr std::array<std::string_view, 13> kTextTells = {
    "bool", "bytea", "char",    "name", "int8", "int2",     "int4",
    "text", "oid",   "varchar", "date", "uuid", "timestamp"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string quoted_builtin(const std::string& name) { return name == "char" ? "\"char\"" : name; }

}  // namespace

Types::Types(io::Connection& source) : infinite_intervals_(source.server_major() >= 17) {
    const auto rows = source.query(kListTypes);
    for (int row = 0; row < rows.rows(); ++row) {
        types_[static_cast<Oid>(rows.integer(row, 0))] = {
            rows.text(row, 1).front(),
            static_cast<Oid>(rows.integer(row, 2)),
            static_cast<Oid>(rows.integer(row, 3)),
            rows.string(row, 4),
            rows.boolean(row, 5),
            rows.string(row, 6),
        };
    }
}

const Types::Type* Types::base_of(Oid oid) const {
    auto found = types_.find(oid);
    while (found != types_.end() && found->second.kind == 'd') {
        found = types_.find(found->second.base);
    }
    return found == types_.end() ? nullptr : &found->second;
}

bool Types::binary_safe(Oid oid) const {
    const auto* type = base_of(oid);
    if (type == nullptr) return false;
    if (type->kind == 'e') return true;  // an enum travels as its label
    if (!type->built_in) return false;
    // From 17 on an interval may be infinite, and older servers would take the binary form of
    // that for 178 million years. They refuse the text.
    if (type->name == "interval" && infinite_intervals_) return false;
    if (type->kind == 'r' || type->kind == 'm') return true;  // bounds of a built-in type
    // Built-in element types have the same OID everywhere, and array_recv checks it.
    if (type->element != 0 && type->name.starts_with('_')) return binary_safe(type->element);
    return holds(kBinarySafe, type->name);
}

bool Types::text_tells(Oid oid) const {
    const auto* type = base_of(oid);
    return type != nullptr &&
           (type->kind == 'e' || (type->built_in && holds(kTextTells, type->name)));
}

bool Types::built_in(Oid oid) const {
    const auto* type = base_of(oid);
    return type != nullptr && type->built_in;
}

std::string Types::sql_name(Oid oid) const {
    const auto* type = base_of(oid);
    if (type == nullptr) return {};
    // format_type leaves pg_catalog out; literals are cast with it in.
    return type->built_in ? "pg_catalog." + quoted_builtin(type->name) : type->sql_name;
}

}  // namespace pghaul::snapshot
