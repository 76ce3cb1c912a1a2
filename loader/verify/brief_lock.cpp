#include "loader/verify/brief_lock.hpp"

#include "io/sql.hpp"
#include "snapshot/keeper_sql.hpp"

namespace pghaul::loader {

BriefLock::BriefLock(io::Connection& session, const snapshot::TableInfo& table)
    : session_(session) {
    // Locks taken in a subtransaction end with its rollback.
    session_.execute({"lock_briefly", "savepoint brief_lock; lock table only " + table.qualified() +
                                          " in access share mode"});
    const auto rows = session_.query(snapshot::kSameFile, {std::to_string(table.oid)});
    same_file_ = rows.rows() == 1 && rows.boolean(0, 0);
}

void BriefLock::release() {
    session_.execute({"let_go_of_lock", "rollback to savepoint brief_lock; release brief_lock"});
}

}  // namespace pghaul::loader
