// What hangs on the rows: sequences, indexes left over, foreign keys, the rest of the schema,
// materialised views, statistics. All of it may be done again.
// Thread: the run's main thread; set_sequences() also a stream's.
#pragma once

#include <set>

#include "cmd/run_context.hpp"
#include "cmd/steps.hpp"

namespace pghaul::cmd {

/// Sequences have no snapshot: read when the last row has been, they are never behind the rows.
void set_sequences(RunContext& run);

/// Builds the indexes and keys of the tables that the copy did not finish.
/// Throws: io::Error (stopped if the time is up).
void finish_tables_left(RunContext& run, Steps& steps);

/// Everything of the schema that rows and indexes had to come before, and the views' rows.
void make_rest_of_schema(RunContext& run, Steps& steps);

/// Indexes and constraints that pghaul makes itself, by their OIDs on the source.
std::set<snapshot::Oid> made_by_pghaul(const snapshot::Plan& plan);

/// Adds what is missing of the foreign keys and validates them.
void validate_foreign_keys(RunContext& run, Steps& steps);

/// Fills the materialised views anew.
void refresh_views(RunContext& run, Steps& steps);

/// Statistics of partitioned tables, which cover their leaves.
void update_statistics(RunContext& run, Steps& steps);

}  // namespace pghaul::cmd
