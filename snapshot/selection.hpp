// Which tables the user chose, by pg_dump's own patterns (-n -N -t -T), matched on the source.
#pragma once

#include <string>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::snapshot {

struct Selection {
    std::vector<std::string> schemas;
    std::vector<std::string> exclude_schemas;
    std::vector<std::string> tables;
    std::vector<std::string> exclude_tables;

    bool everything() const {
        return schemas.empty() && exclude_schemas.empty() && tables.empty() &&
               exclude_tables.empty();
    }
};

/// A psql pattern as two anchored regular expressions.
/// Source: psql manual, "Patterns".
struct PatternRegex {
    /// Empty if the pattern names no schema.
    std::string schema;
    std::string name;
};
/// Throws: io::Error (usage) for too many dots or an unclosed quote.
PatternRegex pattern_regex(const std::string& pattern);

/// OIDs of the chosen relations of every kind that can be dumped (tables, partitioned tables,
/// views, materialised views, sequences, foreign tables), extension members left out.
/// Throws: io::Error (usage) naming a pattern of -n or -t that matches nothing.
std::vector<Oid> select_relations(io::Connection& source, const Selection& selection);

}  // namespace pghaul::snapshot
