#include "snapshot/held_snapshot.hpp"

#include <algorithm>

#include "io/sql.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/catalog_sql.hpp"
#include "snapshot/keeper.hpp"
#include "snapshot/keeper_sql.hpp"

namespace pghaul::snapshot {
namespace {

using io::Connection;
using io::Error;

// A lock in the way is better named soon than waited for.
constexpr std::chrono::seconds kLockTimeout{10};
// One LOCK statement names this many tables: few round trips, statements of bearable length.
constexpr std::size_t kTablesPerLock = 500;

struct Tables {
    std::vector<std::string> names;
    std::vector<Oid> oids;
};

Tables existing(Connection& connection, const std::vector<std::string>& names) {
    const auto rows = connection.query(kExistingTables, {io::array_literal(names)});
    Tables tables;
    for (int row = 0; row < rows.rows(); ++row) {
        tables.names.push_back(rows.string(row, 0));
        tables.oids.push_back(static_cast<Oid>(rows.integer(row, 1)));
    }
    return tables;
}

void lock_tables(Connection& connection, const Tables& tables) {
    try {
        for (std::size_t first = 0; first < tables.names.size(); first += kTablesPerLock) {
            std::string list;
            const auto last = std::min(first + kTablesPerLock, tables.names.size());
            for (std::size_t i = first; i < last; ++i) {
                list += (list.empty() ? "only " : ", only ") + tables.names[i];
            }
            connection.execute({"lock_tables", "lock table " + list + " in access share mode"});
        }
    } catch (Error& error) {
        if (error.sqlstate() == "55P03" && !error.poisons_connection()) {
            connection.execute({"rollback", "rollback"});
            explain_lock_timeout(connection, tables.oids, error);
        }
        throw;
    }
}

std::string export_from(Connection& connection) {
    const auto& query = connection.server_major() >= 13 ? kExport : kExportBefore13;
    return connection.query_row(query).string(0, 0);
}

}  // namespace

HeldSnapshot::HeldSnapshot(const io::ConnInfo& server, const std::string& job,
                           const std::string& role, const std::vector<std::string>& tables,
                           const io::Interrupt& interrupt)
    : connection_(Connection::open(server, {job, role, "UTF8", kLockTimeout, {}}, interrupt)) {
    const auto present = existing(connection_, tables);
    const auto capacity = std::stoll(connection_.query_value(kLockCapacity));
    connection_.execute({"begin_held", "begin isolation level repeatable read read only"});
    // LOCK takes no snapshot, so the one exported next is newer than every lock: no table can be
    // truncated or rewritten between the two and look empty.
    if (static_cast<long long>(present.oids.size()) < capacity / 2) {
        lock_tables(connection_, present);
    }
    exported_ = export_from(connection_);
}

HeldSnapshot::HeldSnapshot(Connection connection)
    : connection_(std::move(connection)), exported_(export_from(connection_)) {}

HeldSnapshot HeldSnapshot::share(const io::ConnInfo& server, const std::string& job,
                                 const std::string& role, const std::string& exported,
                                 const io::Interrupt& interrupt) {
    return HeldSnapshot(
        open_in_snapshot(server, {job, role, "UTF8", kLockTimeout, {}}, exported, interrupt));
}

Connection open_in_snapshot(const io::ConnInfo& server, const io::SessionSettings& settings,
                            const std::string& exported, const io::Interrupt& interrupt) {
    auto connection = Connection::open(server, settings, interrupt);
    try {
        connection.execute({"import_snapshot", import_snapshot(exported)});
    } catch (const Error& error) {
        const bool gone = !error.poisons_connection() &&
                          (error.sqlstate() == "22023" || error.sqlstate() == "42704" ||
                           error.sqlstate() == "55000");
        if (!gone) throw;
        SnapshotLost lost("the snapshot of " + connection.server_name() +
                          " is lost: " + std::string(error.what()));
        lost.sqlstate(error.sqlstate())
            .statement("import_snapshot")
            .exit_code(io::ExitCode::stopped)
            .hint(
                "look into that server's log for what ended the session that held it, then run "
                "again");
        throw lost;
    }
    return connection;
}

}  // namespace pghaul::snapshot
