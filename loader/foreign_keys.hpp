// Foreign keys: all are added NOT VALID first (quick, one after the other), then validated side by
// side. One that the data violates is reported and left as it is; it does not end the run.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "io/progress.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

/// Opens a connection of the run on the target, for a role such as "validate 1".
using OpenTarget = std::function<io::Connection(const std::string& role)>;

/// Idempotent: looks what stands and what is valid. Problems go to the journal.
/// Throws: io::Error for anything but a violated key.
void make_foreign_keys(const std::vector<snapshot::ForeignKey>& keys, snapshot::Journal& journal,
                       const OpenTarget& open_target, int jobs, io::RunProgress& progress);

/// While the copy still goes on: adds and checks keys of one table. Whatever can't be done is left
/// to make_foreign_keys(), without a word. Requires: the tables are complete.
void make_foreign_keys_early(io::Connection& target,
                             const std::vector<const snapshot::ForeignKey*>& keys);

/// Gives each that stands on the target the comment that it has on the source.
void comment_foreign_keys(io::Connection& source, io::Connection& target,
                          const std::vector<snapshot::ForeignKey>& keys);

}  // namespace pghaul::loader
