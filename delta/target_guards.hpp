// What must not fire on the target while changes are applied: user triggers, rules and foreign
// keys would do a second time what they have done on the source already, or refuse a batch halfway.
// Where the role may, sessions that apply run under session_replication_role = replica; that leaves
// ENABLE ALWAYS and ENABLE REPLICA triggers, so user triggers and rules are disabled in any case.
// All functions are idempotent and look at what stands; none needs a superuser.
#pragma once

#include <string>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::delta {

enum class ApplyMode {
    replica,  // foreign keys may stand: the server does not fire them for us
    guarded,  // foreign keys must be dropped until the last batch is in
};

/// Tries what the role may. Requires: no open transaction.
ApplyMode detect_apply_mode(io::Connection& target);

/// Makes a session ready to apply batches; once, when it is opened.
void apply_session(io::Connection& target, ApplyMode mode);

/// Disables every user trigger and rule of the plan's tables on the target.
/// Throws: io::Error with ExitCode::no_go where PostgreSQL 11 or 12 lets only superusers do so.
void suspend_user_triggers(io::Connection& target, const snapshot::Plan& plan);

/// Gives each of them the state that it has on the source; pghaul's own on the source don't count.
/// Returns: those left disabled since the source has no such, "trigger t of public.a".
std::vector<std::string> restore_user_triggers(io::Connection& source, io::Connection& target,
                                               const snapshot::Plan& plan);

/// Drops the plan's foreign keys where they stand, for ApplyMode::guarded.
/// Throws: io::Error with ExitCode::no_go, before it drops any, if one of the plan's tables has
/// part in a foreign key that is not in the plan: it could delete rows by cascade.
void drop_foreign_keys(io::Connection& target, const snapshot::Plan& plan);

/// Adds those that are missing, NOT VALID where PostgreSQL can: validating is another's work.
/// Returns: those that can't be made, for the journal; the others are made all the same.
std::vector<snapshot::Problem> add_foreign_keys_not_valid(io::Connection& target,
                                                          const snapshot::Plan& plan);

}  // namespace pghaul::delta
