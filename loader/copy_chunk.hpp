// One chunk's journey: read → (spool →) write → mark. THE FILE TO READ FIRST.
//
// The source streams the rows of one key range out of the snapshot (COPY TO), a pipeline carries
// them in blocks, the target streams them in (COPY FROM), and the chunk's "loaded" mark is written
// in the same target transaction (invariant 3). The caller begins that transaction, marks and
// commits (lane.cpp), so that many small tables can share one, and one statement for their marks.
// While the target falls behind, the first half is spool_chunk(), into a file, and the second
// load_chunk(), from that file, by another stream at another time.
// Thread: a stream's own; source and target are the stream's.
#pragma once

#include <functional>
#include <string>

#include "io/copy_source.hpp"
#include "io/copy_target.hpp"
#include "io/progress.hpp"
#include "io/row_sums.hpp"
#include "io/spool_writer.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

struct CopyRequest {
    const snapshot::TablePlan& table;
    const snapshot::Chunk& chunk;
    /// Encoding in which rows travel: the source's.
    const std::string& encoding;
    /// True if nobody holds a lock on the table: lock it here and make sure that it is still the
    /// file which the snapshot knows.
    bool lock_table = false;
    /// With capture: whether a table, by OID, was truncated after the snapshot. Its later rows are
    /// among the captured changes then, so an empty chunk loses nothing.
    const std::function<bool(snapshot::Oid)>* truncated_since = nullptr;
};

/// Copies a chunk's rows. Returns what its mark says (snapshot::mark_loaded()).
/// Requires: source in a transaction with the snapshot, target in a transaction.
/// Throws: io::Error; then neither of the two may be used again.
snapshot::LoadedChunk copy_chunk(io::CopySource& source, io::CopyTarget& target,
                                 const CopyRequest& request, io::StreamProgress& progress,
                                 const io::Interrupt& interrupt);

/// Reads a chunk's rows into a file and seals it. room: see io/stow.hpp.
/// Requires: source in a transaction with the snapshot. Throws: io::Error; then neither source nor
/// file may be used again.
void spool_chunk(io::CopySource& source, io::SpoolWriter& file, const CopyRequest& request,
                 const std::function<void(std::uint64_t file_bytes)>& room,
                 const io::Interrupt& interrupt);

/// Loads a chunk's rows from wherever they are read, as copy_chunk() does.
snapshot::LoadedChunk load_chunk(io::BlockReader& rows, io::CopyTarget& target,
                                 const CopyRequest& request, io::StreamProgress& progress,
                                 const io::Interrupt& interrupt);

/// Locks the chunk's table on the source and makes sure that it is still the file which the
/// snapshot knows. Throws: io::Error, SnapshotLost.
void lock_for_copy(io::CopySource& source, const CopyRequest& request);

/// How many blocks may be under way at once: fewer where rows are larger than blocks.
std::size_t blocks_in_flight(const snapshot::TablePlan& table);

io::RowForm row_form(const snapshot::TablePlan& table);

/// The two COPY statements; exposed for their tests.
std::string copy_out_sql(const snapshot::TablePlan& table, const snapshot::Chunk& chunk);
std::string copy_in_sql(const snapshot::TablePlan& table);

}  // namespace pghaul::loader
