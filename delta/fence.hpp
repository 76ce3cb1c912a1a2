// The write fence: triggers on the source that refuse every write once the database has moved, so
// that no application that was forgotten goes on writing where nobody looks any more.
// It refuses everybody: the tables' owners, superusers, sessions under session_replication_role =
// replica and logical replication. It does not hold up readers, sequences, large objects or DDL.
// Needs no more than the ownership of the tables. Everything is found by name, not from a plan.
#pragma once

#include <string>
#include <vector>

#include "delta/names.hpp"
#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::delta {

/// Makes the fence, or what is missing of it, and closes one that stands open; visible to others
/// when the transaction commits. moved_to: "host:port/database", for the message to writers.
/// Requires: an open transaction which holds the tables by lock_out_writers().
void install_fence(io::Connection& source, const CaptureSite& site,
                   const std::vector<snapshot::TableInfo>& tables, const std::string& moved_to);

/// True if anything of it is there, also of one that was not lifted to the end.
bool fence_exists(io::Connection& source, const CaptureSite& site);

/// Opens the fence at once and without any lock on the tables, then removes it table by table, as
/// readers let it. Idempotent; no fence is no error.
/// Requires: no open transaction.
/// Throws: io::Error (retryable, ExitCode::stopped) if some table's readers don't let it; writes go
/// on then, and the next call removes the rest.
void lift_fence(io::Connection& source, const CaptureSite& site, const io::Interrupt& interrupt);

}  // namespace pghaul::delta
