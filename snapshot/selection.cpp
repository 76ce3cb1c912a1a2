#include "snapshot/selection.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "io/error.hpp"
#include "snapshot/selection_sql.hpp"

namespace pghaul::snapshot {
namespace {

using io::Error;
using io::ExitCode;

constexpr std::string_view kRegexSpecial = "\\^$.|?*+()[]{}";

Error bad_pattern(const std::string& pattern, const std::string& why) {
    return Error("pattern " + pattern + ": " + why)
        .hint("patterns are pg_dump's: schema.table with * and ?, double quotes around odd names")
        .exit_code(ExitCode::usage);
}

std::set<Oid> matching(io::Connection& source, const std::string& pattern, bool schema_only) {
    const auto regex = pattern_regex(pattern);
    std::set<Oid> found;
    io::Result result = [&] {
        if (!schema_only) return source.query(kMatchTables, {regex.schema, regex.name});
        if (!regex.schema.empty()) throw bad_pattern(pattern, "a schema's name has no dot");
        return source.query(kMatchSchemas, {regex.name});
    }();
    for (int row = 0; row < result.rows(); ++row) {
        found.insert(static_cast<Oid>(result.integer(row, 0)));
    }
    return found;
}

std::set<Oid> union_of(io::Connection& source, const std::vector<std::string>& patterns,
                       bool schema_only, bool must_match) {
    std::set<Oid> all;
    for (const auto& pattern : patterns) {
        auto found = matching(source, pattern, schema_only);
        if (found.empty() && must_match) {
            throw Error("no " + std::string(schema_only ? "schema" : "table") +
                        " on the source matches the pattern " + pattern)
                .hint(
                    "check spelling and case: unquoted names are folded to lower case; use "
                    "'\"Name\"' for mixed case and schema.table for tables outside search_path")
                .exit_code(ExitCode::usage);
        }
        all.merge(found);
    }
    return all;
}

/// Unqualified table patterns match what is visible in the session's usual search_path, as they
/// do in pg_dump; every other statement runs with an empty one.
class UsualSearchPath {
  public:
    explicit UsualSearchPath(io::Connection& connection) : connection_(connection) {
        connection_.execute({"reset_search_path", "reset search_path"});
    }
    UsualSearchPath(const UsualSearchPath&) = delete;
    UsualSearchPath& operator=(const UsualSearchPath&) = delete;
    ~UsualSearchPath() {
        if (connection_.poisoned()) return;
        try {
            connection_.execute({"clear_search_path", "set search_path to ''"});
        } catch (const std::exception&) {
            // Fails only inside an aborted transaction, whose end restores the setting anyway.
        }
    }

  private:
    io::Connection& connection_;
};

}  // namespace

PatternRegex pattern_regex(const std::string& pattern) {
    PatternRegex regex;
    std::string current = "^(";
    bool quoted = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (c == '"') {
            if (quoted && i + 1 < pattern.size() && pattern[i + 1] == '"') {
                current += '"';
                ++i;
            } else {
                quoted = !quoted;
            }
        } else if (quoted) {
            if (kRegexSpecial.find(c) != std::string_view::npos) current += '\\';
            current += c;
        } else if (c == '.') {
            if (!regex.schema.empty()) throw bad_pattern(pattern, "too many dots");
            regex.schema = current + ")$";
            current = "^(";
        } else if (c == '*') {
            current += ".*";
        } else if (c == '?') {
            current += '.';
        } else if (c == '$') {
            current += "\\$";
        } else if (pattern.compare(i, 2, "[]") == 0) {
            current += "\\[";  // psql's exception: [] is a name's end, not an empty class
        } else {
            current += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        }
    }
    if (quoted) throw bad_pattern(pattern, "a double quote is not closed");
    regex.name = current + ")$";
    return regex;
}

std::vector<Oid> select_relations(io::Connection& source, const Selection& selection) {
    const auto relations = source.query(kListRelations);
    std::set<Oid> wanted_tables;
    std::set<Oid> unwanted_tables;
    {
        const UsualSearchPath usual(source);
        wanted_tables = union_of(source, selection.tables, false, true);
        unwanted_tables = union_of(source, selection.exclude_tables, false, false);
    }
    const auto wanted_schemas = union_of(source, selection.schemas, true, true);
    const auto unwanted_schemas = union_of(source, selection.exclude_schemas, true, false);

    std::vector<Oid> chosen;
    for (int row = 0; row < relations.rows(); ++row) {
        const auto oid = static_cast<Oid>(relations.integer(row, 0));
        const auto schema = static_cast<Oid>(relations.integer(row, 1));
        const auto owned_by =
            relations.is_null(row, 2) ? 0 : static_cast<Oid>(relations.integer(row, 2));
        // As in pg_dump: -t overrules -n and -N; -T always takes away; a sequence goes with the
        // table whose column owns it.
        bool take = true;
        if (!selection.tables.empty()) {
            take = wanted_tables.contains(oid) || wanted_tables.contains(owned_by);
        } else {
            if (!selection.schemas.empty()) take = wanted_schemas.contains(schema);
            if (unwanted_schemas.contains(schema)) take = false;
        }
        if (unwanted_tables.contains(oid) || unwanted_tables.contains(owned_by)) take = false;
        if (take) chosen.push_back(oid);
    }
    return chosen;
}

}  // namespace pghaul::snapshot
