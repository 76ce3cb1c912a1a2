// Makes a loaded table complete: indexes, primary key, unique and exclusion constraints,
// clustering, replica identity, statistics. Every step first looks whether it is done, so a run
// that was killed in between goes on.
// Thread: a stream's own, with its target connection.
#pragma once

#include <string>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

/// Parallel workers that the server may use for an index.
struct BuildHelpers {
    int idle = 0;    // in place of streams that have nothing to do
    int wanted = 0;  // beside busy streams: as many of these as the server's setting allows
};

/// Builds one index unless it stands already.
/// Returns false if another process of the job builds it. Throws: io::Error.
bool build_index(io::Connection& target, const std::string& job, const snapshot::TableInfo& table,
                 const snapshot::IndexInfo& index, BuildHelpers helpers);

bool index_exists(io::Connection& target, const snapshot::TableInfo& table,
                  const snapshot::IndexInfo& index);

/// Makes what is missing of the table's indexes and constraints, in the caller's transaction.
void make_indexes_and_keys(io::Connection& target, const snapshot::TablePlan& table);

/// What is still missing on the table, then the "finished" mark. Dead rows that chunks which were
/// cut off have left are removed on the way. Requires: not in a transaction.
void finish_table(io::Connection& target, const snapshot::TablePlan& table, const std::string& job);

/// The same within the caller's transaction but for the marks, in one message, for tables that were
/// empty when that transaction began: nothing needs to be looked up.
/// Throws: io::Error with the table as context.
void finish_fresh_tables(io::Connection& target,
                         const std::vector<const snapshot::TablePlan*>& tables);

}  // namespace pghaul::loader
