// Reads the source's catalog: what the chosen tables are. Reads only system tables, in whatever
// transaction (and so snapshot) the connection is in.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/plan.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::snapshot {

struct Catalog {
    std::vector<TableInfo> tables;
    std::vector<ForeignKey> foreign_keys;
    std::vector<SequenceName> sequences;
    /// Populated ones, qualified and quoted, each after those it reads.
    std::vector<std::string> materialized_views;
    std::vector<std::string> partition_roots;
    /// For messages: tables that we may not read, and those that row security would filter.
    std::vector<std::string> unreadable;
    std::vector<std::string> filtered;
    /// Foreign tables: their definition moves, their data stays where it is.
    std::vector<std::string> foreign_tables;
    std::int64_t lock_capacity = 0;
};

/// Adds to a lock timeout (55P03) who locks which of the tables, and what to do.
/// Requires: the connection is not in a failed transaction.
void explain_lock_timeout(io::Connection& source, const std::vector<Oid>& tables, io::Error& error);

/// Each holds what the one before holds. The first two are enough to judge whether a run can begin,
/// take a fraction of the time and wait for no lock.
enum class CatalogPart {
    /// Names, kinds and rights; the other lists but for foreign keys.
    rights,
    /// And keys: whether changes can be captured.
    keys,
    /// And sizes, partitioned tables' members, columns, indexes, foreign keys.
    plan,
    /// And digests of the tables' shapes: a source that is captured is compared with them later.
    all,
};

/// Throws: io::Error; with the lock's holder when a table stays locked against readers, since
/// reading sizes and definitions takes a lock too.
Catalog read_catalog(io::Connection& source, const std::vector<Oid>& chosen,
                     CatalogPart part = CatalogPart::all);

/// Just the names of the tables that read_catalog() would read, by OID.
std::vector<TableInfo> list_names(io::Connection& source, const std::vector<Oid>& chosen);

/// How many locks the source holds by its settings.
std::int64_t lock_capacity(io::Connection& source);

/// A table's digests, and its name for people.
struct NamedShape {
    std::string name;
    TableShape shape;
};

/// The chosen tables with data of their own, by OID: a quick look, without sizes or locks.
std::map<Oid, NamedShape> read_shapes(io::Connection& source, const std::vector<Oid>& chosen);

/// The statement for a server of this major version: lines marked "-- since N" above it removed.
std::string for_version(const io::Query& query, int server_major);

/// {1,2,3}: a parameter of type oid[].
std::string oid_array(const std::vector<Oid>& oids);

}  // namespace pghaul::snapshot
