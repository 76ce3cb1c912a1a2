#include "delta/cutover.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "delta/blockers.hpp"
#include "delta/capture.hpp"
#include "delta/fence.hpp"
#include "delta/lock_out.hpp"
#include "io/backoff.hpp"
#include "io/failpoint.hpp"
#include "io/transaction.hpp"

namespace pghaul::delta {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using io::Failpoint;
using io::failpoint;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A window that takes longer than this would make the pause long: catch up first.
constexpr milliseconds kShortWindow{1000};
constexpr int kWindowsBeforeLock = 20;
constexpr milliseconds kLockTimeout{5000};
// Whoever asks for a lock stands in line, and every later writer behind him. So a transaction that
// has written for longer than this is waited for without asking, as long as this many budgets.
constexpr milliseconds kOldTransaction{200};
constexpr int kBudgetsOfCalm = 20;
// At such a moment the locks are there at once, or somebody has just begun to write for longer.
constexpr milliseconds kCalmBudget{500};
constexpr int kLookMs = 100;

Connection open_locker(const CutoverSetup& setup) {
    auto settings = apply_settings();
    // If we vanish without a word, the server ends this session and with it the writers' wait.
    settings.emplace_back("idle_in_transaction_session_timeout",
                          std::to_string(setup.max_pause.count()));
    return Connection::open(setup.source, {setup.job, "cutover", "UTF8", kLockTimeout, settings},
                            setup.interrupt);
}

milliseconds since(Clock::time_point start) {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

/// Brings the rest down to what one short window holds.
void catch_up_closely(CatchUp& catch_up) {
    for (int i = 0; i < kWindowsBeforeLock; ++i) {
        const auto window = catch_up.apply_window();
        if (!window.sliced && window.took < kShortWindow) return;
    }
    throw Error("the target does not catch up: the source writes as fast as changes are applied")
        .exit_code(ExitCode::stopped)
        .hint("cut over when less is written, or give the target more power (-j)");
}

/// Returns true at a moment when no old transaction holds a lock in the way, false when there was
/// none for too long.
bool await_calm(const CutoverSetup& setup, CatchUp& catch_up,
                const std::vector<snapshot::TableInfo>& tables, Clock::time_point deadline) {
    std::vector<snapshot::Oid> oids;
    for (const auto& table : tables) oids.push_back(table.oid);
    auto source = Connection::open(setup.source, {setup.job, "cutover", "UTF8", kLockTimeout, {}},
                                   setup.interrupt);
    for (bool told = false; Clock::now() < deadline;) {
        const auto blockers = find_blockers(source, oids, InTheWay::writers, kOldTransaction);
        if (blockers.empty()) return true;
        if (!told) spdlog::info("waiting for a moment without: {}", describe(blockers));
        told = true;
        setup.interrupt.sleep_ms(kLookMs);
        catch_up_closely(catch_up);
    }
    return false;
}

void check_pause(const CutoverSetup& setup, Clock::time_point began) {
    if (since(began) <= setup.max_pause) return;
    throw Error(fmt::format("the pause grew longer than {} ms", setup.max_pause.count()))
        .exit_code(ExitCode::stopped)
        .hint("the source is writable as before; cut over at a quieter time or raise --max-pause");
}

/// With writers locked out: everything up to the fence's commit.
std::int64_t drain_and_fence(const CutoverSetup& setup, CatchUp& catch_up, Connection& locker,
                             Clock::time_point began) {
    failpoint(Failpoint::cutover_locked);
    setup.check(locker);
    std::int64_t changes = 0;
    // One window takes all that was committed before the locks; a second one that holds nothing
    // shows that this was all.
    for (auto window = catch_up.drain(locker);; window = catch_up.drain(locker)) {
        check_pause(setup, began);
        if (window.rows == 0) break;
        changes += window.rows;
    }
    failpoint(Failpoint::cutover_drained);
    setup.finish_data();
    check_pause(setup, began);
    install_fence(locker, setup.site, tables_of(setup.plan), setup.moved_to);
    failpoint(Failpoint::cutover_before_fence);
    check_pause(setup, began);
    return changes;
}

/// A commit whose answer was lost is settled by looking (invariant 8).
void commit_fence(const CutoverSetup& setup, io::Transaction& transaction) {
    try {
        transaction.commit();
    } catch (const Error& error) {
        if (!error.poisons_connection()) throw;
        auto source = Connection::open(
            setup.source, {setup.job, "cutover", "UTF8", kLockTimeout, {}}, setup.interrupt);
        if (!fence_exists(source, setup.site)) throw;
    }
}

}  // namespace

std::vector<snapshot::TableInfo> tables_of(const snapshot::Plan& plan) {
    std::vector<snapshot::TableInfo> tables;
    for (const auto& table : plan.tables) {
        if (is_captured(table.info)) tables.push_back(table.info);
    }
    return tables;
}

CutoverResult fence_off(const CutoverSetup& setup, CatchUp& catch_up) {
    const auto tables = tables_of(setup.plan);
    const auto calm_until = Clock::now() + kBudgetsOfCalm * setup.lock_budget;
    CutoverResult result;
    for (io::Backoff backoff;;) {
        ++result.attempts;
        catch_up_closely(catch_up);
        const bool calm = await_calm(setup, catch_up, tables, calm_until);
        auto locker = open_locker(setup);
        io::Transaction transaction(locker, "isolation level read committed");
        const auto began = Clock::now();
        try {
            lock_out_writers(locker, tables,
                             calm ? std::min(setup.lock_budget, kCalmBudget) : setup.lock_budget);
        } catch (const Error& error) {
            if (calm && error.retryable() && !error.poisons_connection()) continue;
            if (!backoff.allows(error) || setup.interrupt.fired()) throw;
            const auto pause = backoff.next_pause();
            spdlog::info("{}\ntrying again ({} of {})", error.report(), backoff.failures(),
                         io::Backoff::kAttempts - 1);
            setup.interrupt.sleep_ms(static_cast<int>(pause.count()));
            continue;  // the transaction goes, and with it every lock
        }
        result.lock_wait = since(began);
        result.last_changes = drain_and_fence(setup, catch_up, locker, began);
        commit_fence(setup, transaction);
        result.pause = since(began);
        failpoint(Failpoint::cutover_after_fence);
        return result;
    }
}

std::vector<snapshot::Problem> open_target(const CutoverSetup& setup, ApplyMode mode) {
    auto source = Connection::open(setup.source, {setup.job, "cutover", "UTF8", kLockTimeout, {}},
                                   setup.interrupt);
    auto target = Connection::open(
        setup.target, {setup.job, "cutover", "UTF8", std::chrono::minutes(1), {}}, setup.interrupt);
    std::vector<snapshot::Problem> problems;
    if (mode == ApplyMode::guarded) problems = add_foreign_keys_not_valid(target, setup.plan);
    for (const auto& left : restore_user_triggers(source, target, setup.plan)) {
        problems.push_back({left, "the source has it no more, so it stays switched off"});
    }
    return problems;
}

}  // namespace pghaul::delta
