// Who works on what, when several processes carry one job. A claim is a lock in the journal that
// the claimant's transaction holds, the same one that loads the rows or builds the index: so it
// ends with the work, and whatever a dead process held is free at once. Nothing has to be renewed,
// and no clock has a say. Thread: any; each call on the caller's connection.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::snapshot {

/// (table number, chunk number)
using ChunkKeys = std::set<std::pair<int, int>>;

/// Claims those of the chunks that nobody has loaded or claimed, until the caller's transaction
/// ends. Returns them. Waits for nobody. Requires: target in a transaction. Throws: io::Error.
ChunkKeys claim_chunks(io::Connection& target, const std::string& job, const ChunkKeys& chunks);

/// Claims an index that is to be built, in the same way. Returns false if another one does.
bool claim_index(io::Connection& target, const std::string& job, Oid index);

/// What has become of chunks that others had claimed.
struct ChunkStates {
    ChunkKeys loaded;
    /// Of their tables, by number, those that are finished too.
    std::set<int> finished;
    /// And those that nobody has read back yet.
    std::set<int> unproven = {};
    /// Neither loaded nor claimed: whoever had them is gone.
    ChunkKeys free;
};
/// Requires: target not in a transaction. Throws: io::Error.
ChunkStates look_at_chunks(io::Connection& target, const std::string& job, const ChunkKeys& chunks);

/// Whether nobody builds the index at this moment.
bool index_is_free(io::Connection& target, const std::string& job, Oid index);

/// The snapshot that a run holds at this moment, for workers that import it.
struct SharedSnapshot {
    /// The run that holds it: marks of any other fail.
    std::int64_t run = 0;
    int number = 0;
    /// What `set transaction snapshot` takes.
    std::string exported;
    /// What it shows, as text.
    std::string visible;
    /// Indexes are to be built as soon as a table is loaded.
    bool with_indexes = false;

    bool operator==(const SharedSnapshot&) const = default;
};
/// exported: empty takes it back, when the snapshot is about to end. Throws: io::Error.
void share_snapshot(io::Connection& target, const std::string& job, int number,
                    const std::string& exported, bool with_indexes);
/// Empty: no run holds one.
std::optional<SharedSnapshot> shared_snapshot(io::Connection& target, const std::string& job);

}  // namespace pghaul::snapshot
