// The plan: what is copied, how, in which pieces. Made once from the catalog, then immutable and
// kept in the journal; every stream reads it without locks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "snapshot/key_range.hpp"
#include "snapshot/selection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::snapshot {

enum class Method {
    whole,        // one stream reads and writes the whole table
    key_ranges,   // several chunks by key
    ctid_ranges,  // several chunks by physical address; one snapshot only
};

enum class Format { binary, text };

struct Chunk {
    int number = 0;
    KeyRange range;
    /// Heap and TOAST bytes on the source, estimated.
    std::int64_t bytes = 0;
};

struct TablePlan {
    /// Its number in the journal and its place in the plan (0-based).
    int number = 0;
    TableInfo info;
    Method method = Method::whole;
    Format format = Format::binary;
    /// TRUNCATE and COPY FREEZE in one transaction: rows need no vacuum.
    bool freeze = false;
    std::vector<Chunk> chunks;

    /// The columns that the chunks are cut by; empty for Method::whole.
    std::vector<KeyColumn> chunk_key() const;
};

/// A half-open range of large object OIDs, loaded in one transaction.
struct LargeObjectChunk {
    int number = 0;
    Oid first = 0;
    Oid last = 0;  // inclusive
    std::int64_t objects = 0;
};

struct SequenceName {
    std::string schema;
    std::string name;
};

struct Plan {
    /// Largest first.
    std::vector<TablePlan> tables;
    std::vector<ForeignKey> foreign_keys;
    std::vector<SequenceName> sequences;
    std::vector<LargeObjectChunk> large_objects;
    /// Populated materialised views, qualified and quoted, each after those it reads.
    std::vector<std::string> materialized_views;
    /// Partitioned tables, qualified: ANALYZE on one covers its leaves.
    std::vector<std::string> partition_roots;
    /// True if changes are captured while it is copied: snapshots may then mix.
    bool capture = false;
    /// What the user chose, for finding tables that are made later.
    Selection selection;
    /// True if the keeper holds a lock on every table at once. Never with capture: a TRUNCATE of
    /// the application would wait for the whole copy.
    bool lock_all_tables = true;
    /// Encoding in which rows travel: the source's own.
    std::string encoding;

    std::int64_t total_bytes() const;
    std::int64_t total_chunks() const;
};

/// Stable JSON text of the parts, for the journal.
std::string to_json(const TablePlan& table);
TablePlan table_plan_from_json(const std::string& text);
/// Everything but the tables.
std::string to_json_without_tables(const Plan& plan);
Plan plan_from_json_without_tables(const std::string& text);

const char* name_of(Method method);
const char* name_of(Format format);

}  // namespace pghaul::snapshot
