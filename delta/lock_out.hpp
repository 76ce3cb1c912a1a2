// Locks writers out of the source's tables for the moment of cutover, without harm to them: they
// wait for as long as the budget at most, and none of them is ever the victim of a deadlock with
// us.
//
// How: the table whose writer is the oldest is waited for first, while nothing else is held, so
// nobody can wait for us and we for him. The others must then follow within less than the server's
// deadlock_timeout; if they don't, every lock is given back, the waiting writers go on, and we
// begin again with the table that was in the way. The first wait may take the whole budget: the
// server makes an autovacuum give way only to who has waited for deadlock_timeout (1 s).
#pragma once

#include <chrono>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::delta {

/// Locks the tables (each ONLY itself) in SHARE ROW EXCLUSIVE mode until the transaction ends;
/// readers go on. Units: budget is for all tables together, from the call to the last lock; less
/// than about 3 s leaves no time for autovacuums to give way.
/// Requires: an open transaction, READ COMMITTED; the caller rolls back if this throws.
/// Throws: io::Error (retryable, ExitCode::stopped) that names who holds what.
void lock_out_writers(io::Connection& source, const std::vector<snapshot::TableInfo>& tables,
                      std::chrono::milliseconds budget);

}  // namespace pghaul::delta
