// Whether two databases hold the same: the judge of every end-to-end test.
//
// Independent of pghaul's own verify: hashes the rows' text form on each server through psql.
// Leaves out what extensions and pghaul itself made. Reads as superuser, and not in one snapshot:
// both sides should be quiet. Thread: may be called from any thread.
#pragma once

#include <string>
#include <vector>

namespace pghaul::test {

struct EqualityOptions {
    bool sequences = true;
    bool large_objects = true;
    bool materialized_views = true;
    /// Also compares `pg_dump --schema-only` of both, as text; both servers must not be newer than
    /// the installed pg_dump, and of one major version.
    bool schema = false;
    /// Appended to both pg_dump calls ("--no-owner").
    std::vector<std::string> schema_dump_options = {};
};

/// Compares the contents of two databases.
/// Returns: an empty string when they are equal, else one line per difference, names in JSON
/// quotes. Throws: std::runtime_error when one of them cannot be read.
std::string compare_databases(const std::string& source_conninfo,
                              const std::string& target_conninfo,
                              const EqualityOptions& options = {});

}  // namespace pghaul::test
