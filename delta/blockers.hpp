// Who stands in the way of a lock: sessions and prepared transactions, for messages and for the
// order in which to try again.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::delta {

/// Which locks are in the way.
enum class InTheWay {
    writers,  // of SHARE ROW EXCLUSIVE: those who write, vacuum or change the table
    anybody,  // of ACCESS EXCLUSIVE: readers too
};

struct Blocker {
    /// A table of those asked for that it has locked, or waits for in line.
    snapshot::Oid table = 0;
    /// "public.t is held by pid 7 (alice, for 35 s, idle in transaction): update …"
    std::string text;
};

/// Those whose transaction is at least so old, the oldest first, one per table and transaction.
/// Requires: no failed transaction; inside a transaction, isolation level READ COMMITTED.
std::vector<Blocker> find_blockers(io::Connection& server, const std::vector<snapshot::Oid>& tables,
                                   InTheWay kind, std::chrono::milliseconds least_age);

/// The first few for an error's detail; empty if there are none.
std::string describe(const std::vector<Blocker>& blockers);

}  // namespace pghaul::delta
