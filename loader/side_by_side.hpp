// Which entries of a schema's script several sessions may make at the same time: CREATE TABLE is
// slow, as each waits for files to be synced, and a database with thousands of tables has
// thousands of them. Tables rarely need one another; where one does (a column of another's row
// type), its session fails and the entries are made in order.
// Pure text work: no server. Thread: any.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "loader/schema_script.hpp"

namespace pghaul::loader {

/// How many entries from each one on may be made side by side; 0 where it must be made in order.
std::vector<std::size_t> side_by_side_from(const SchemaScript& script);

/// A range of entries.
struct ScriptPart {
    std::size_t begin = 0;
    std::size_t end = 0;

    bool operator==(const ScriptPart&) const = default;
};
/// Cuts entries into at most `parts` parts of about the same length, each of which begins with a
/// table: what belongs to a table stands behind it.
std::vector<ScriptPart> cut_at_tables(const SchemaScript& script, ScriptPart all, int parts);

/// The SET statements of earlier entries that hold where an entry begins.
std::vector<std::string> settings_at(const SchemaScript& script, std::size_t entry);

}  // namespace pghaul::loader
