#include "delta/cleaner.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "delta/capture.hpp"
#include "delta/window_sql.hpp"
#include "io/failpoint.hpp"
#include "io/sql.hpp"

namespace pghaul::delta {
namespace {

using Clock = std::chrono::steady_clock;
using io::Error;
using io::Failpoint;
using io::failpoint;

constexpr std::int64_t kRemovedBeforeVacuum = 10'000;
constexpr std::int64_t kMuchToGiveBack = std::int64_t{64} << 20;
constexpr std::chrono::minutes kShrinkEvery{1};

}  // namespace

/// What the target has on disk is not needed on the source any more. Should this not happen, the
/// next window leaves these rows out all the same (invariant 6).
void Cleaner::remove_applied(const Window& window) {
    const auto to = io::quote_literal(window.to) + "::pg_catalog.txid_snapshot";
    const auto remove = [&](const std::string& table) {
        return connection()
            .execute({"remove_deltas",
                      fmt::format("delete from {} as d where pg_catalog.txid_visible_in_snapshot("
                                  "d.x, {})",
                                  table, to)})
            .affected();
    };
    bool truncated = false;
    for (const auto& pending : window.tables) {
        const auto oid = pending.table->info.oid;
        truncated = truncated || pending.truncated;
        if (pending.rows == 0) continue;
        removed_since_vacuum_[oid] += remove(delta_table(site_, oid));
        vacuum(oid, false);
    }
    if (truncated) remove(truncated_table(site_));
    if (window.empty() && !removed_since_vacuum_.empty()) {
        vacuum(removed_since_vacuum_.begin()->first, true);
    }
    if (!window.empty()) failpoint(Failpoint::window_deltas_removed);
}

/// Keeps a delta table as small as what it holds. VACUUM blocks no writer. To give pages back to
/// the system it needs a moment in which no transaction that wrote to the table is open, and waits
/// five seconds for one: so it is let to where there is none now, and time or much to give back.
void Cleaner::vacuum(snapshot::Oid table, bool idle) {
    const auto found = removed_since_vacuum_.find(table);
    if (!idle && found->second < kRemovedBeforeVacuum) return;
    const auto name = delta_table(site_, table);
    try {
        const auto state = connection().query_row(kDeltaState, {name});
        const bool large = state.integer(0, 0) >= kMuchToGiveBack;
        const bool written_to = state.boolean(0, 1);
        const bool shrink =
            !written_to && (idle || (large && Clock::now() - last_shrink_ >= kShrinkEvery));
        // Left to autovacuum, then.
        if (!shrink && connection().server_major() < 12) return;
        removed_since_vacuum_.erase(found);
        if (shrink) last_shrink_ = Clock::now();
        connection().execute(
            {"vacuum_deltas", (shrink ? "vacuum " : "vacuum (truncate off) ") + name});
    } catch (const Error& error) {
        if (error.poisons_connection()) throw;
        spdlog::debug("{}", error.report());
    }
}

io::Connection& Cleaner::connection() {
    if (!connection_) {
        connection_ =
            io::Connection::open(source_, {job_, "clean", "UTF8", kShortLock, {}}, interrupt_);
    }
    return *connection_;
}

}  // namespace pghaul::delta
