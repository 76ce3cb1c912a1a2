#include "delta/window.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "delta/window_sql.hpp"
#include "io/error.hpp"
#include "snapshot/keeper_sql.hpp"

namespace pghaul::delta {
namespace {

using io::Connection;
using io::Error;
using snapshot::Oid;

// With kLockWait half a minute.
constexpr int kAttempts = 100;
// Well below a server's usual deadlock_timeout of 1 s, so that whoever waits for us in a circle
// never gets to look for a deadlock, and be its victim.
constexpr std::chrono::milliseconds kLockWait{300};
// Subqueries of one UNION ALL: few round trips, statements of bearable length.
constexpr std::size_t kTablesPerStatement = 100;

std::vector<Oid> touched(Connection& source, const CaptureSite& site,
                         const CapturedTables& tables) {
    std::vector<Oid> oids;
    const auto rows = source.query(kTouchedTables, {site.schema, name_prefix(site.job)});
    for (int row = 0; row < rows.rows(); ++row) {
        const auto oid = static_cast<Oid>(rows.integer(row, 0));
        // A table that was captured and then left out of the plan is nobody's business here.
        if (tables.contains(oid)) oids.push_back(oid);
    }
    return oids;
}

std::vector<Oid> truncated(Connection& source, const CaptureSite& site,
                           const CapturedTables& tables, const std::string& from) {
    std::vector<Oid> oids;
    const auto rows =
        source.query({"truncated_tables",
                      fmt::format("select distinct d.relid::pg_catalog.int8 from {} as d where {}",
                                  truncated_table(site), not_visible_in(from, "d"))});
    for (int row = 0; row < rows.rows(); ++row) {
        const auto oid = static_cast<Oid>(rows.integer(row, 0));
        if (tables.contains(oid)) oids.push_back(oid);
    }
    return oids;
}

void lock_all(Connection& source, const std::vector<const snapshot::TableInfo*>& tables) {
    std::string names;
    for (const auto* table : tables) {
        names += (names.empty() ? "only " : ", only ") + table->qualified();
    }
    if (names.empty()) return;
    source.execute({"lock_changed", fmt::format("set local lock_timeout to {}; lock table {} in "
                                                "access share mode",
                                                kLockWait.count(), names)});
}

void lock_all(Connection& source, const CapturedTables& tables, const std::vector<Oid>& oids) {
    std::vector<const snapshot::TableInfo*> infos;
    for (const Oid oid : oids) infos.push_back(&tables.at(oid)->info);
    lock_all(source, infos);
}

/// What the window holds of these tables; those without changes are left out.
std::map<Oid, Pending> count_rows(Connection& source, const CaptureSite& site,
                                  const CapturedTables& tables, const std::vector<Oid>& oids,
                                  const std::string& from) {
    std::map<Oid, Pending> pending;
    for (std::size_t first = 0; first < oids.size(); first += kTablesPerStatement) {
        std::string sql;
        for (std::size_t i = first; i < std::min(oids.size(), first + kTablesPerStatement); ++i) {
            const bool keyless = tables.at(oids[i])->info.apply_key.empty();
            sql += fmt::format(
                "{}select {}::pg_catalog.int8, pg_catalog.count(*), {} from {} as d where {}",
                sql.empty() ? "" : " union all ", oids[i],
                keyless ? "pg_catalog.bool_and(d.inserted)" : "false", delta_table(site, oids[i]),
                not_visible_in(from, "d"));
        }
        const auto rows = source.query({"count_deltas", sql});
        for (int row = 0; row < rows.rows(); ++row) {
            const auto oid = static_cast<Oid>(rows.integer(row, 0));
            const auto count = rows.integer(row, 1);
            if (count == 0) continue;
            pending[oid] = {tables.at(oid), count, false, false, rows.boolean(row, 2)};
        }
    }
    return pending;
}

/// True if every table is locked now and is still the file that the snapshot knows.
bool hold(Connection& source, const CapturedTables& tables, const std::vector<Oid>& late) {
    lock_all(source, tables, late);
    return std::all_of(late.begin(), late.end(), [&](Oid oid) {
        return source.query_row(snapshot::kSameFile, {std::to_string(oid)}).boolean(0, 0);
    });
}

/// Empty `to`: a table was truncated between snapshot and lock; look again.
Window try_open(Connection& source, const CaptureSite& site, const CapturedTables& tables,
                const FreshTables& fresh, const std::string& from) {
    const auto before = touched(source, site, tables);
    source.execute({"begin_window", "begin isolation level repeatable read read only"});
    // LOCK takes no snapshot, so the one taken next is newer than the locks.
    lock_all(source, tables, before);
    const auto taken = source.query_row(kTakeWindow);
    Window window{from, taken.string(0, 1), taken.string(0, 0), taken.string(0, 2), {}};

    auto pending = count_rows(source, site, tables, touched(source, site, tables), from);
    const auto emptied = truncated(source, site, tables, from);
    const std::set<Oid> locked(before.begin(), before.end());
    std::vector<Oid> late;
    for (const Oid oid : emptied) {
        auto& table = pending[oid];
        table.table = tables.at(oid);
        table.truncated = true;
        table.only_inserts = false;
    }
    for (const Oid oid : fresh) {
        // Its changes so far are part of what is copied.
        pending[oid] = {tables.at(oid), pending[oid].rows, false, true, false};
    }
    for (const auto& [oid, table] : pending) {
        if (!locked.contains(oid)) late.push_back(oid);
        window.tables.push_back(table);
    }
    if (!hold(source, tables, late)) window.to.clear();
    return window;
}

}  // namespace

std::int64_t Window::rows() const {
    std::int64_t sum = 0;
    for (const auto& table : tables) sum += table.rows;
    return sum;
}

void hold_tables(Connection& source, const Window& window) {
    std::vector<const snapshot::TableInfo*> infos;
    for (const auto& pending : window.tables) infos.push_back(&pending.table->info);
    lock_all(source, infos);
}

bool stood_in_line(const Error& error) {
    return error.sqlstate() == "55P03" || error.sqlstate() == "40P01";
}

bool truncated_since(Connection& source, const CaptureSite& site, Oid table,
                     const std::string& snapshot) {
    return source
        .query_row(
            {"truncated_since", fmt::format("select exists (select 1 from {} as d where d.relid = "
                                            "$1::pg_catalog.oid and {})",
                                            truncated_table(site), not_visible_in(snapshot, "d"))},
            {std::to_string(table)})
        .boolean(0, 0);
}

std::string not_visible_in(const std::string& snapshot, const std::string& alias) {
    return fmt::format(
        "not pg_catalog.txid_visible_in_snapshot({}.x, {}::pg_catalog.txid_snapshot)", alias,
        io::quote_literal(snapshot));
}

Window open_window(Connection& source, const CaptureSite& site, const CapturedTables& tables,
                   const FreshTables& fresh, const std::string& from) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        try {
            auto window = try_open(source, site, tables, fresh, from);
            if (!window.to.empty()) return window;
        } catch (const Error& error) {
            if (!stood_in_line(error) || error.poisons_connection()) throw;
        }
        source.execute({"rollback", "rollback"});
    }
    throw Error(
        "tables were locked or truncated on the source each time a window of changes was "
        "opened")
        .retryable(true)
        .exit_code(io::ExitCode::stopped)
        .hint("run again when no ALTER TABLE, VACUUM FULL or TRUNCATE is going on");
}

Window locked_window(Connection& locker, const CaptureSite& site, const CapturedTables& tables,
                     const std::string& from) {
    const auto taken = locker.query_row(kTakeWindow);
    Window window{from, taken.string(0, 1), taken.string(0, 0), taken.string(0, 2), {}};
    auto pending = count_rows(locker, site, tables, touched(locker, site, tables), from);
    for (const Oid oid : truncated(locker, site, tables, from)) {
        auto& table = pending[oid];
        table.table = tables.at(oid);
        table.truncated = true;
        table.only_inserts = false;
    }
    for (const auto& [oid, table] : pending) window.tables.push_back(table);
    return window;
}

void flush(Connection& source, const std::string& wal_position) {
    // Left alone, the server may take long: what an open transaction writes it flushes at the next
    // checkpoint only.
    if (!source.query_row(kIsFlushed, {wal_position}).boolean(0, 0)) source.execute(kFlush);
}

}  // namespace pghaul::delta
