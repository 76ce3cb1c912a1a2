// What pghaul's objects on the source are called. Every name begins with "pghaul/<job>/", so that
// `pghaul drop` finds them without a journal, and two jobs never meet.
// A job's name has at most 40 of [A-Za-z0-9_.-], so every name fits into 63 bytes.
#pragma once

#include <string>

#include "io/sql.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::delta {

/// Where a job's objects live on the source.
struct CaptureSite {
    std::string job;
    /// "pghaul" if we could make it, else a schema in which the role may create.
    std::string schema;
};

/// pghaul/<job>/
inline std::string name_prefix(const std::string& job) { return "pghaul/" + job + "/"; }

/// Qualified and quoted. Also the name of the table's trigger function.
inline std::string delta_table(const CaptureSite& site, snapshot::Oid table) {
    return io::quote_qualified(site.schema, name_prefix(site.job) + std::to_string(table));
}

/// Qualified and quoted: (x bigint, relid oid), one row per TRUNCATE.
inline std::string truncations_table(const CaptureSite& site) {
    return io::quote_qualified(site.schema, name_prefix(site.job) + "truncated");
}

/// Qualified and quoted: one row that says which job of which target this is.
inline std::string state_table(const CaptureSite& site) {
    return io::quote_qualified(site.schema, name_prefix(site.job) + "state");
}

/// Qualified and quoted.
inline std::string fence_function(const CaptureSite& site) {
    return io::quote_qualified(site.schema, name_prefix(site.job) + "fence");
}

/// A trigger of ours on a user's table; what: insert, update, delete, truncate, row, fence …
inline std::string trigger_name(const std::string& job, const std::string& what) {
    return name_prefix(job) + what;
}

}  // namespace pghaul::delta
