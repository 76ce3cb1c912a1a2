// What a stream is told to do: one piece of a copy. Made by the queue (work_queue.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/plan.hpp"

namespace pghaul::loader {

struct TableChunk {
    const snapshot::TablePlan* table = nullptr;
    const snapshot::Chunk* chunk = nullptr;
};

/// A sealed file with a chunk's rows.
struct SpoolFile {
    std::string path;
    /// Number in the journal of the snapshot that its rows were read in.
    int snapshot = 0;
    std::int64_t bytes = 0;
};

struct Work {
    enum class Kind {
        copy,            // `chunks`, all in one target transaction
        spool,           // source only: `chunks`, which is one, into a file
        large_objects,   // `objects`
        build_index,     // `index` of `table`
        read_back,       // `piece` of `table`: does the target hold what was sent?
        finish,          // constraints and statistics of `table`
        foreign_keys,    // `keys`, all of one table
        analyze_root,    // statistics of the partitioned table `root`, all of whose leaves are done
        release_source,  // nothing is left to read: end the source session
    };
    Kind kind = Kind::copy;
    std::vector<TableChunk> chunks;
    /// copy only: where the rows of the one chunk are, if they have left the source already.
    std::optional<SpoolFile> spooled = {};
    const snapshot::LargeObjectChunk* objects = nullptr;
    const snapshot::TablePlan* table = nullptr;
    const snapshot::IndexInfo* index = nullptr;
    std::vector<const snapshot::ForeignKey*> keys = {};
    std::string root = {};  // quoted
    /// copy only: small tables that are finished in the same transaction.
    bool finish_too = false;
    /// copy only: read the rows again in the same transaction.
    bool read_back_too = false;
    /// read_back only: which of how many.
    int piece = 0;
    int pieces = 0;
    /// Nothing will be left to read once those who read are done: the stream need not stay in the
    /// source's snapshot.
    bool leaves_source = false;
    /// build_index only: streams that have nothing else to do.
    int idle_streams = 0;
    /// build_index only: parallel workers without which it would end after all other work.
    int helpers_wanted = 0;

    /// Whether it needs the source's snapshot.
    bool reads_source() const {
        return (kind == Kind::copy && !spooled) || kind == Kind::spool ||
               kind == Kind::large_objects;
    }
    /// For messages: "copy public.t [1, 9)".
    std::string display() const;
};

}  // namespace pghaul::loader
