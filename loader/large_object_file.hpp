// Large objects in an export's file: the blocks of a sealed file (io/spool_format.hpp) hold records
// instead of COPY messages, each whole in one block:
//
//   offset  bytes
//        0      1  "D": bytes of an object; "A": all about it, as JSON, behind its bytes
//        1      4  its OID
//        5      8  "D": where in the object they begin; 0 makes the object. "A": zero
//       13      4  length
//       17         the bytes
//
// Numbers are little-endian. The file's rows are its objects.
// JSON: {"owner", "comment" or null, "default_rights", "grants": [[grantee or null for PUBLIC,
// privilege, with grant option], …]}
// Thread: the one that owns the connection.
#pragma once

#include "io/connection.hpp"
#include "io/copy_source.hpp"
#include "io/progress.hpp"
#include "io/spool_writer.hpp"
#include "loader/large_objects.hpp"

namespace pghaul::loader {

/// Writes the objects with first <= OID <= last; the caller seals the file.
/// Requires: source in its snapshot's transaction. Throws: io::Error.
LargeObjectResult store_large_objects(io::Connection& source, snapshot::Oid first,
                                      snapshot::Oid last, io::SpoolWriter& file,
                                      io::StreamProgress& progress);

struct LargeObjectLoad {
    /// The part's range of OIDs.
    const snapshot::LargeObjectChunk& part;
    bool no_owner = false;
    bool no_privileges = false;
    bool read_back = false;
};

/// Makes the file's objects on the target. Requires: target in a transaction.
/// Throws: io::Error if one of that range exists there already, or the file is damaged.
LargeObjectResult load_large_objects(io::BlockReader& file, io::Connection& target,
                                     const LargeObjectLoad& load, io::StreamProgress& progress);

}  // namespace pghaul::loader
