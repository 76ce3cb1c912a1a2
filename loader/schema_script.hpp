// The SQL script that pg_restore writes, cut into the archive's entries: so that a failure can name
// the object, and so that a large schema can be made in several transactions.
// Pure text work: no server, no files. Thread: any.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/table_info.hpp"

namespace pghaul::loader {

/// One line of `pg_restore -l`: "dumpid; tableoid oid DESC schema tag owner".
struct TocLine {
    std::string text;
    /// Where the object is in the source's catalogs; 0 if it has no place of its own there.
    snapshot::Oid catalog = 0;
    snapshot::Oid oid = 0;
    /// "DESC schema tag owner"
    std::string title;
};

std::vector<TocLine> parse_toc(const std::string& listing);

/// The entries that pghaul restores: neither what it has built itself, nor what captures changes on
/// the source, nor comments on extensions.
/// Those come with CREATE EXTENSION, and only the extension's owner may repeat them.
std::vector<TocLine> without_built(std::vector<TocLine> toc, const std::set<snapshot::Oid>& built);

/// As a script's entries stand, whatever the archive's order: rights come last, as pg_restore has
/// it, but those on schemas right behind the schemas. What is made there for another owner needs
/// them.
void order_as_script(std::vector<TocLine>& toc);

struct ScriptEntry {
    std::string title;
    /// SET statements that stand before it and hold until set anew.
    std::vector<std::string> settings;
    std::string sql;
};

struct SchemaScript {
    std::vector<std::string> settings;
    /// DROP statements; only with --clean.
    std::vector<std::string> drops;
    std::vector<ScriptEntry> entries;
};

/// Cuts a script at the comments that introduce the entries of toc. What looks like such a comment
/// inside a function's body is none, because no entry of that name is due.
SchemaScript parse_script(const std::string& script, const std::vector<TocLine>& toc);

/// An entry's statements without ALTER … OWNER TO at their end, if that names the role, quoted,
/// that makes the object and so owns it anyway.
std::string_view without_owner(std::string_view sql, std::string_view role);

/// Takes entries out by their titles. Returns false if the script is not cut into them.
bool remove_entries(SchemaScript& script, const std::multiset<std::string>& titles);

/// default_tablespace in "SET default_tablespace = '';".
std::string setting_name(const std::string& statement);

}  // namespace pghaul::loader
