#include "snapshot/keeper.hpp"

#include <algorithm>

#include "io/error.hpp"
#include "snapshot/keeper_sql.hpp"

namespace pghaul::snapshot {
namespace {

using io::Error;

constexpr int kAttempts = 5;
constexpr std::chrono::seconds kLockTimeout{10};
// One LOCK statement names this many tables: few round trips, statements of bearable length.
constexpr std::size_t kTablesPerLock = 500;

/// The tables' identity: two readings of the catalog name the same set, or something was made,
/// dropped or renamed between them.
std::vector<std::pair<Oid, std::string>> identity(const std::vector<TableInfo>& tables) {
    std::vector<std::pair<Oid, std::string>> list;
    for (const auto& table : tables) list.emplace_back(table.oid, table.qualified());
    std::sort(list.begin(), list.end());
    return list;
}

std::vector<Oid> oids_of(const std::vector<TableInfo>& tables) {
    std::vector<Oid> oids;
    for (const auto& table : tables) oids.push_back(table.oid);
    return oids;
}

}  // namespace

std::string import_snapshot(const std::string& exported) {
    return "begin isolation level repeatable read read only; set transaction snapshot " +
           io::quote_literal(exported);
}

Keeper::Keeper(const io::ConnInfo& source, const std::string& job, const Selection& selection,
               bool hold_tables, const io::Interrupt& interrupt,
               const std::function<void(const std::string&)>& on_exported,
               std::vector<TableInfo> seen)
    : interrupt_(&interrupt) {
    connection_ = io::Connection::open(
        source, {job, "keeper", "UTF8", kLockTimeout, {{"jit", "off"}}}, interrupt);
    for (int attempt = 1; attempt <= kAttempts; ++attempt) {
        if (seen.empty())
            seen = list_names(*connection_, select_relations(*connection_, selection));
        if (try_take(selection, seen, hold_tables, on_exported)) return;
        seen.clear();
    }
    throw Error("tables were made or dropped on the source each time the snapshot was taken")
        .retryable(true)
        .exit_code(io::ExitCode::stopped)
        .hint("run again when no schema change is going on");
}

void Keeper::lock_tables(const std::vector<TableInfo>& tables) {
    for (std::size_t first = 0; first < tables.size(); first += kTablesPerLock) {
        std::string names;
        for (std::size_t i = first; i < std::min(first + kTablesPerLock, tables.size()); ++i) {
            names += (names.empty() ? "only " : ", only ") + tables[i].qualified();
        }
        connection_->execute({"lock_tables", "lock table " + names + " in access share mode"});
    }
}

bool Keeper::try_take(const Selection& selection, const std::vector<TableInfo>& before,
                      bool hold_tables,
                      const std::function<void(const std::string&)>& on_exported) {
    auto& source = *connection_;
    const auto capacity = lock_capacity(source);
    source.execute({"begin_keeper", "begin isolation level repeatable read read only"});
    try {
        // LOCK takes no snapshot, so the one exported next is newer than every lock: no table can
        // change its shape or be truncated between the two.
        const auto count = static_cast<std::int64_t>(before.size());
        if (hold_tables && count < capacity / 2) lock_tables(before);
        const auto row = source.query_row(source.server_major() >= 13 ? kExport : kExportBefore13);
        exported_ = row.string(0, 0);
        visible_ = row.string(0, 1);
        if (on_exported) on_exported(exported_);
        catalog_ = read_catalog(source, select_relations(source, selection),
                                hold_tables ? CatalogPart::plan : CatalogPart::all);
    } catch (Error& error) {
        if (error.poisons_connection()) throw;
        source.execute({"rollback", "rollback"});
        if (error.sqlstate() == "42P01") return false;  // dropped meanwhile: look again
        if (error.sqlstate() == "55P03") {
            explain_lock_timeout(source, oids_of(before), error);
        }
        throw;
    }
    if (identity(catalog_.tables) == identity(before)) return true;
    source.execute({"rollback", "rollback"});
    return false;
}

bool Keeper::is_held() noexcept {
    const std::lock_guard guard(mutex_);
    if (!connection_) return false;
    try {
        connection_->query_row({"is_held", "select 1"});
        return connection_->in_transaction();
    } catch (...) {
        return false;
    }
}

void Keeper::release() noexcept {
    const std::lock_guard guard(mutex_);
    connection_.reset();
}

}  // namespace pghaul::snapshot
