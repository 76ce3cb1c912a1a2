// What the things are called that a job makes on the source. All begin with "pghaul/<job>/", so
// that they can be found, and removed, by name alone (invariant 10).
// A job's name has at most 40 characters and no '/', so every name fits PostgreSQL's 63 bytes.
// All functions but object_name return names quoted, and qualified where the object has a schema.
#pragma once

#include <string>
#include <string_view>

#include "io/sql.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::delta {

/// Whose objects, and where on the source they live: "pghaul" if we could create that schema, else
/// one in which the role may create.
struct CaptureSite {
    std::string job;
    std::string schema;
};

/// What the names of all of a job's objects begin with.
inline std::string name_prefix(const std::string& job) { return "pghaul/" + job + "/"; }

/// As the catalog has it, unquoted: for look-ups by name.
inline std::string object_name(const CaptureSite& site, std::string_view rest) {
    return name_prefix(site.job) + std::string(rest);
}

inline std::string qualified_object(const CaptureSite& site, std::string_view rest) {
    return io::quote_qualified(site.schema, object_name(site, rest));
}

inline std::string delta_table(const CaptureSite& site, snapshot::Oid table) {
    return qualified_object(site, std::to_string(table));
}

/// Without its parentheses.
inline std::string trigger_function(const CaptureSite& site, snapshot::Oid table) {
    return qualified_object(site, std::to_string(table));
}

/// A trigger of capture on a user's table: "insert", "update", "delete", "truncate" or "row".
inline std::string capture_trigger(const CaptureSite& site, std::string_view event) {
    return io::quote_ident(object_name(site, event));
}

inline std::string state_table(const CaptureSite& site) { return qualified_object(site, "state"); }

inline std::string truncated_table(const CaptureSite& site) {
    return qualified_object(site, "truncated");
}

inline constexpr std::string_view kFence = "fence";
inline constexpr std::string_view kFenceRow = "fence row";

/// Without its parentheses.
inline std::string fence_function(const CaptureSite& site) {
    return qualified_object(site, kFence);
}

inline std::string fence_trigger(const CaptureSite& site) {
    return io::quote_ident(object_name(site, kFence));
}

inline std::string fence_row_trigger(const CaptureSite& site) {
    return io::quote_ident(object_name(site, kFenceRow));
}

}  // namespace pghaul::delta
