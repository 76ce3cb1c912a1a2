// Large objects (pg_largeobject) from one server to the other under their own OIDs, with content,
// owner, privileges and comment. No superuser needed: what is read is what the role may read.
// The caller owns both transactions; nothing counts until it commits (invariant 3).
// Thread: the one that owns both connections.
#pragma once

#include <cstdint>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

struct LargeObjectResult {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
};

/// Ranges of about 1000 objects that tile all possible OIDs, so that an object made between two
/// snapshots of a resumed run has a place too. Empty if the source has none.
std::vector<snapshot::LargeObjectChunk> cut_large_objects(io::Connection& source);

/// Copies the objects with first <= OID <= last.
/// Requires: source in its snapshot's transaction, target in a transaction.
/// read_back: read what was written again and compare.
/// Throws: io::Error if one of them exists on the target already.
LargeObjectResult copy_large_objects(io::Connection& source, io::Connection& target,
                                     snapshot::Oid first, snapshot::Oid last, bool no_owner,
                                     bool no_privileges, bool read_back = false);

/// Throws: io::Error if one of them exists on the target already.
void refuse_existing_objects(io::Connection& target, snapshot::Oid first, snapshot::Oid last);

/// Gives an object that is on both sides the source's contents; all else about it stays.
/// Requires: as above.
void rewrite_large_object(io::Connection& source, io::Connection& target, snapshot::Oid oid);

}  // namespace pghaul::loader
