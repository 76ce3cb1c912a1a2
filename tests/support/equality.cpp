#include "tests/support/equality.hpp"

#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>

#include "tests/support/process.hpp"
#include "tests/support/psql.hpp"

namespace pghaul::test {
namespace {

// From version 12 on, floats are printed shortest-exact; before, with 17 digits that differ.
constexpr int kShortestFloats = 120000;

constexpr const char* kSettings = R"sql(
set search_path = '';
set client_encoding = 'UTF8';
set datestyle = 'ISO, YMD';
set intervalstyle = 'postgres';
set timezone = 'UTC';
set bytea_output = 'hex';
set lc_monetary = 'C';
set row_security = off;
set statement_timeout = 0;
)sql";

// Each generated statement prints `kind name|fingerprint`; to_json keeps odd names on one line.
// The row's text is hashed as UTF-8, so databases of different encodings compare as equal.
constexpr const char* kRelations = R"sql(
select pg_catalog.format(
    case
        when c.relkind = 'S' then
            'select %1$L, ''last_value '' || last_value || '', is_called '' || is_called from %2$s'
        when c.relkind = 'm' and not c.relispopulated then
            'select %1$L, ''unpopulated'' as %2$I'
        else
            'select %1$L, ''rows '' || pg_catalog.count(*) || '', hash '' || coalesce(pg_catalog.sum(('
            '''x'' || pg_catalog.substr(pg_catalog.md5(pg_catalog.convert_to((whole_row.*)::text, %3$L)), 1, 16)'
            ')::pg_catalog.bit(64)::bigint::numeric), 0) from only %2$s as whole_row'
    end,
    case c.relkind when 'S' then 'sequence ' when 'm' then 'materialized view ' else 'table ' end
        || pg_catalog.to_json(pg_catalog.format('%I.%I', n.nspname, c.relname)),
    pg_catalog.format('%I.%I', n.nspname, c.relname),
    case pg_catalog.getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = any (string_to_array(:'kinds', ',')::"char"[])
    and c.relpersistence <> 't'
    and n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'pghaul')
    and c.relname !~ '^pghaul/'
    and not exists (
        select
        from pg_catalog.pg_depend d
        where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and d.objid = c.oid
            and d.deptype = 'e')
order by n.nspname, c.relname
\gexec
)sql";

constexpr const char* kLargeObjects = R"sql(
select 'large object ' || oid,
    'md5 ' || pg_catalog.md5(pg_catalog.lo_get(oid))
        || ', comment ' || coalesce(pg_catalog.to_json(
            pg_catalog.obj_description(oid, 'pg_largeobject'))::text, 'none')
from pg_catalog.pg_largeobject_metadata
order by oid;
)sql";

using Fingerprints = std::map<std::string, std::string>;

/// Asked once: a test program has its servers for as long as it runs.
int server_version(const std::string& conninfo) {
    static std::map<std::string, int> known;
    int& version = known[conninfo];
    if (version == 0) version = std::stoi(psql(conninfo, "show server_version_num;"));
    return version;
}

Fingerprints fingerprints(const std::string& conninfo, int extra_float_digits,
                          const EqualityOptions& options) {
    std::string kinds = "r";
    if (options.sequences) kinds += ",S";
    if (options.materialized_views) kinds += ",m";
    std::string script = kSettings;
    script += "set extra_float_digits = " + std::to_string(extra_float_digits) + ";\n";
    script += "\\set kinds " + kinds + "\n";
    script += kRelations;
    if (options.large_objects) script += kLargeObjects;

    Fingerprints result;
    std::istringstream lines(psql(conninfo, script));
    for (std::string line; std::getline(lines, line);) {
        // A name may hold the separator, a fingerprint of a relation never does; a large object's
        // comment may, but its name does not.
        const std::size_t bar =
            line.starts_with("large object ") ? line.find('|') : line.rfind('|');
        if (bar == std::string::npos) throw std::runtime_error("unexpected psql output: " + line);
        result[line.substr(0, bar)] = line.substr(bar + 1);
    }
    return result;
}

std::string differences(const Fingerprints& source, const Fingerprints& target) {
    std::string result;
    for (const auto& [name, value] : source) {
        const auto other = target.find(name);
        if (other == target.end()) {
            result += name + ": only in the source (" + value + ")\n";
        } else if (other->second != value) {
            result += name + ": source " + value + "; target " + other->second + "\n";
        }
    }
    for (const auto& [name, value] : target) {
        if (!source.contains(name)) result += name + ": only in the target (" + value + ")\n";
    }
    return result;
}

std::string dump_schema(const std::string& conninfo, const EqualityOptions& options) {
    std::vector<std::string> argv = {
        client_program("pg_dump"), "--schema-only", "-N", "pghaul", "-d", conninfo};
    argv.insert(argv.end(), options.schema_dump_options.begin(), options.schema_dump_options.end());
    const ProcessResult dump = run_process(argv);
    if (!dump.ok()) throw std::runtime_error("pg_dump failed: " + dump.err);
    std::string result;
    std::istringstream lines(dump.out);
    for (std::string line; std::getline(lines, line);) {
        // \restrict carries a random key, "Dumped" the server's minor version.
        const bool varies = line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ") ||
                            line.starts_with("-- Dumped ");
        if (!varies) result += line + "\n";
    }
    return result;
}

std::string schema_differences(const std::string& source_conninfo,
                               const std::string& target_conninfo, const EqualityOptions& options) {
    const MemoryFile source(dump_schema(source_conninfo, options));
    const MemoryFile target(dump_schema(target_conninfo, options));
    const ProcessResult diff = run_process({"diff", "-U2", "--label", "source schema", "--label",
                                            "target schema", source.path(), target.path()});
    if (diff.exit_code > 1 || diff.signal != 0) throw std::runtime_error("diff: " + diff.err);
    return diff.out;
}

}  // namespace

std::string compare_databases(const std::string& source_conninfo,
                              const std::string& target_conninfo, const EqualityOptions& options) {
    const int older = std::min(server_version(source_conninfo), server_version(target_conninfo));
    const int newer = std::max(server_version(source_conninfo), server_version(target_conninfo));
    const bool same_float_text = (older >= kShortestFloats) == (newer >= kShortestFloats);
    const int extra_float_digits = same_float_text ? 3 : 0;
    std::string result = differences(fingerprints(source_conninfo, extra_float_digits, options),
                                     fingerprints(target_conninfo, extra_float_digits, options));
    if (options.schema) result += schema_differences(source_conninfo, target_conninfo, options);
    return result;
}

}  // namespace pghaul::test
