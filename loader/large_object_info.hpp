// What a large object is beside its bytes: owner, comment, rights. Read from the source, kept in an
// export's file, said to the target as SQL.
// Thread: the one that owns the connection.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::loader {

struct LargeObject {
    struct Grant {
        std::optional<std::string> grantee;  // empty: PUBLIC
        std::string privilege;
        bool grantable = false;

        bool operator==(const Grant&) const = default;
    };
    snapshot::Oid oid = 0;
    std::string owner;
    std::optional<std::string> comment;
    bool owner_rights_are_default = true;
    /// Beside the owner's default rights.
    std::vector<Grant> grants;

    bool operator==(const LargeObject&) const = default;
};

/// The objects with first <= OID <= last, in order of their OIDs.
std::vector<LargeObject> list_large_objects(io::Connection& source, snapshot::Oid first,
                                            snapshot::Oid last);

/// Gives objects that stand on the target their owner, comment and rights.
/// Throws: io::Error with a hint where a role is missing.
void describe_large_objects(io::Connection& target, const std::vector<LargeObject>& objects,
                            bool no_owner, bool no_privileges);

}  // namespace pghaul::loader
