#include "snapshot/key_range.hpp"

#include "io/sql.hpp"

namespace pghaul::snapshot {
namespace {

/// (a, b) operator (x, y); without parentheses for a single column, as an index on it wants.
std::string comparison(const std::vector<KeyColumn>& key, const char* op, const Key& value) {
    std::string columns;
    std::string values;
    for (std::size_t i = 0; i < key.size(); ++i) {
        if (i > 0) {
            columns += ", ";
            values += ", ";
        }
        columns += key[i].name == "ctid" ? "ctid" : io::quote_ident(key[i].name);
        values += io::quote_literal(value[i]) + "::" + key[i].type;
    }
    // Operators are named with their schema, since search_path is empty and a type's own
    // operators may live anywhere.
    const std::string named = " operator(" + key.front().operator_schema + "." + op + ") ";
    if (key.size() == 1) return columns + named + values;
    return "(" + columns + ")" + named + "(" + values + ")";
}

std::string display(const std::optional<Key>& end, const char* open) {
    if (!end) return open;
    std::string text;
    for (const auto& value : *end) {
        if (!text.empty()) text += ", ";
        text += value.size() > 40 ? value.substr(0, 37) + "..." : value;
    }
    return end->size() > 1 ? "(" + text + ")" : text;
}

}  // namespace

std::vector<KeyRange> tile(const std::vector<Key>& bounds) {
    std::vector<KeyRange> ranges;
    std::optional<Key> lo;
    for (const auto& bound : bounds) {
        ranges.push_back({lo, bound});
        lo = bound;
    }
    ranges.push_back({lo, std::nullopt});
    return ranges;
}

std::string predicate(const std::vector<KeyColumn>& key, const KeyRange& range) {
    std::string condition;
    if (range.lo) condition = comparison(key, ">=", *range.lo);
    if (range.hi) {
        if (!condition.empty()) condition += " and ";
        condition += comparison(key, "<", *range.hi);
    }
    return condition;
}

std::string display(const KeyRange& range) {
    return "[" + display(range.lo, "-inf") + ", " + display(range.hi, "+inf") + ")";
}

std::vector<KeyColumn> ctid_key() { return {{"ctid", "pg_catalog.tid", "pg_catalog"}}; }

}  // namespace pghaul::snapshot
