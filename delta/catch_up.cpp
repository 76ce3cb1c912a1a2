#include "delta/catch_up.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/task_arena.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "delta/capture.hpp"
#include "delta/slices.hpp"
#include "delta/window_sql.hpp"
#include "io/failpoint.hpp"
#include "io/retry.hpp"
#include "io/transaction.hpp"
#include "snapshot/held_snapshot.hpp"

namespace pghaul::delta {
namespace {

using io::Connection;
using io::Error;
using io::Failpoint;
using io::failpoint;
using Clock = std::chrono::steady_clock;

// An empty window only refreshes the journal's idea of the lag, this often.
constexpr std::chrono::seconds kIdleMark{10};
constexpr std::chrono::minutes kLockTimeout{1};
// A TRUNCATE that waits for a window to end gets its turn in between, so often; where they never
// cease, the one session that holds the window applies it alone.
constexpr int kTurns = 3;
constexpr int kTurnMs = 100;

template <typename Body>
void naming(const Pending& pending, Body body) {
    try {
        body();
    } catch (Error& error) {
        explain(error, pending);
        throw;
    }
}

}  // namespace

CatchUp::CatchUp(CatchUpSetup setup, snapshot::Journal& journal)
    : setup_(std::move(setup)),
      journal_(journal),
      cleaner_(setup_.source, setup_.site, setup_.ticket.job, setup_.interrupt) {
    const auto loaded = journal_.loaded().tables;
    for (const auto& table : setup_.plan.tables) {
        if (!is_captured(table.info)) continue;
        tables_.emplace(table.info.oid, &table);
        if (!loaded.contains({table.number, 0})) fresh_.insert(table.info.oid);
    }
    for (int i = 0; i < setup_.jobs; ++i) streams_.push_back(&setup_.progress.add_stream());
    from_ = journal_.delta_from();
    const auto record = journal_.find();
    one_moment_ = (record && !record->delta_from.empty()) || journal_.totals().snapshots == 1;
    last_opened_ = Clock::now();
    setup_.progress.following = true;
}

CatchUp::~CatchUp() = default;

WindowResult CatchUp::drain(Connection& locker) {
    const auto opened = Clock::now();
    writer();
    applier_.emplace(locker, *writer_, setup_.site, setup_.plan.encoding, *streams_.front(),
                     setup_.interrupt);
    const Window window = locked_window(locker, setup_.site, tables_, from_);
    if (!window.empty()) {
        flush(cleaner_.connection(), window.wal_position);
        apply_whole(window);
    }
    from_ = window.to;
    measure(window, opened);
    // The locker's session is not ours to keep.
    close();
    return {window.rows(), false, Clock::now() - opened};
}

void CatchUp::close() noexcept {
    applier_.reset();
    reader_.reset();
    cleaner_.close();
    writer_.reset();
}

WindowResult CatchUp::apply_window(const AtMoment& at_its_end, bool keep_locks) {
    for (io::Retry retry(setup_.interrupt, setup_.progress);;) {
        try {
            return try_window(at_its_end, keep_locks);
        } catch (Error& error) {
            for (auto* stream : streams_) stream->end();
            close();
            retry.pause_or_rethrow(error);
            // Whether a commit without an answer took place: the mark tells (invariant 8).
            from_ = journal_.delta_from();
        }
    }
}

WindowResult CatchUp::try_window(const AtMoment& at_its_end, bool keep_locks) {
    const auto opened = Clock::now();
    std::optional<Slices> slices;
    const Window window = open(slices);
    failpoint(Failpoint::window_opened);
    setup_.progress.pending_rows = window.rows();
    WindowResult result{window.rows(), slices.has_value(), {}};
    if (!window.empty() || Clock::now() - last_mark_ >= kIdleMark) {
        flush(cleaner_.connection(), window.wal_position);
        if (window.empty()) {
            commit_mark(window);
        } else if (slices) {
            apply_in_slices(window, *slices);
        } else {
            apply_whole(window);
        }
    }
    std::optional<snapshot::HeldSnapshot> held;
    if (at_its_end && keep_locks) {
        at_its_end({window.exported, &reader()});
    } else if (at_its_end) {
        held.emplace(snapshot::HeldSnapshot::share(setup_.source, setup_.ticket.job, "moment",
                                                   window.exported, setup_.interrupt));
    }
    reader().execute({"end_window", "commit"});
    if (held) at_its_end({held->exported()});
    result.took = Clock::now() - opened;
    from_ = window.to;
    one_moment_ = true;
    fresh_.clear();
    measure(window, opened);
    cleaner_.remove_applied(window);
    return result;
}

/// slices: gets the sessions that apply it, if it is too large for one transaction.
Window CatchUp::open(std::optional<Slices>& slices) {
    for (int turn = 0;; ++turn) {
        const auto window = open_window(reader(), setup_.site, tables_, fresh_, from_);
        if (window.rows() <= setup_.limits.whole_rows || turn == kTurns) return window;
        try {
            slices.emplace(
                SlicesSetup{setup_.site, setup_.plan.encoding, setup_.limits.slice_rows,
                            setup_.check,
                            [&](const Pending& pending) { return goes_with_mark(pending); },
                            [&](const std::string& role) { return open_source(role); },
                            [&](const std::string& role) { return open_target(role); }, streams_,
                            setup_.progress, setup_.interrupt},
                window);
            return window;
        } catch (const Error& error) {
            if (!stood_in_line(error)) throw;
        }
        reader().execute({"let_go", "rollback"});
        setup_.interrupt.sleep_ms(kTurnMs);
    }
}

void CatchUp::measure(const Window& window, Clock::time_point opened) {
    const auto seconds = [](Clock::duration span) {
        return std::max(std::chrono::duration<double>(span).count(), 1e-3);
    };
    auto& progress = setup_.progress;
    const auto rows = static_cast<double>(window.rows());
    progress.delta_rows += window.rows();
    progress.pending_rows = 0;
    progress.rate_in = static_cast<std::int64_t>(rows / seconds(opened - last_opened_));
    if (!window.empty()) {
        progress.rate_out = static_cast<std::int64_t>(rows / seconds(Clock::now() - opened));
    }
    progress.lag_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - opened).count();
    last_opened_ = opened;
}

/// One transaction: afterwards the target is the source as of the window's end.
void CatchUp::apply_whole(const Window& window) {
    auto& stream = *streams_.front();
    tbb::task_arena arena(2);
    writer();
    io::Transaction transaction(*writer_);
    for (const auto& pending : window.tables) {
        stream.begin("apply changes of " + pending.table->info.display());
        naming(pending, [&] { arena.execute([&] { apply(window, pending); }); });
    }
    snapshot::mark_window(*writer_, setup_.ticket, window.to, window.rows());
    failpoint(Failpoint::window_before_commit);
    transaction.commit();
    last_mark_ = Clock::now();
    failpoint(Failpoint::window_after_commit);
    stream.end();
}

/// Whether the table's rows are only added to; see Applier::append_inserted.
bool CatchUp::appends(const Pending& pending) const { return one_moment_ && pending.only_inserts; }

/// In the transaction that the writer is in.
void CatchUp::apply(const Window& window, const Pending& pending) {
    if (pending.fresh) {
        copy_fresh(window, pending);
        return;
    }
    if (appends(pending)) {
        applier_->append_inserted(window, pending);
        return;
    }
    if (pending.truncated) applier_->empty_table(pending);
    if (pending.rows == 0) return;
    applier_->delete_touched(window, pending, {});
    if (setup_.check) {
        applier_->insert_checked(window, pending, {});
    } else {
        applier_->insert_current(window, pending, {});
    }
}

void CatchUp::copy_fresh(const Window& window, const Pending& pending) {
    auto ticket = setup_.ticket;
    ticket.snapshot = journal_.add_snapshot(window.to);
    const auto rows = applier_->copy_all(pending);
    snapshot::mark_loaded(*writer_, ticket, {{pending.table->number, 0, rows, 0}});
}

/// What may not happen twice, should the window be done again: it commits together with the mark.
bool CatchUp::goes_with_mark(const Pending& pending) const {
    return appends(pending) || (pending.fresh && pending.table->info.apply_key.empty());
}

void CatchUp::apply_in_slices(const Window& window, Slices& slices) {
    // Truncated tables first, each in a transaction of its own: whatever such a table holds at the
    // window's end was written after the truncation, so its key is among the touched ones.
    writer();
    for (const auto& pending : window.tables) {
        if ((!pending.truncated && !pending.fresh) || goes_with_mark(pending)) continue;
        naming(pending, [&] {
            io::Transaction transaction(*writer_);
            tbb::task_arena(2).execute([&] {
                if (pending.fresh) {
                    copy_fresh(window, pending);
                } else {
                    applier_->empty_table(pending);
                }
            });
            transaction.commit();
            fresh_.erase(pending.table->info.oid);
        });
    }
    slices.remove(window);
    failpoint(Failpoint::window_keys_deleted);
    slices.insert(window);
    commit_mark(window);
}

void CatchUp::commit_mark(const Window& window) {
    writer();
    io::Transaction transaction(*writer_);
    for (const auto& pending : window.tables) {
        if (!goes_with_mark(pending)) continue;
        streams_.front()->begin("apply changes of " + pending.table->info.display());
        naming(pending, [&] { tbb::task_arena(2).execute([&] { apply(window, pending); }); });
    }
    streams_.front()->end();
    snapshot::mark_window(*writer_, setup_.ticket, window.to, window.rows());
    failpoint(Failpoint::window_before_commit);
    transaction.commit();
    last_mark_ = Clock::now();
    failpoint(Failpoint::window_after_commit);
}

Connection CatchUp::open_source(const std::string& role) const {
    return Connection::open(setup_.source,
                            {setup_.ticket.job, role, "UTF8", kLockTimeout, apply_settings()},
                            setup_.interrupt);
}

Connection CatchUp::open_target(const std::string& role) const {
    auto settings = apply_settings();
    if (setup_.replica) settings.emplace_back("session_replication_role", "replica");
    return Connection::open(
        setup_.target, {setup_.ticket.job, role, "UTF8", kLockTimeout, settings}, setup_.interrupt);
}

Connection& CatchUp::reader() {
    if (!reader_) reader_ = open_source("changes");
    return *reader_;
}

Connection& CatchUp::writer() {
    if (!writer_) {
        applier_.reset();
        writer_ = open_target("apply");
        applier_.emplace(reader(), *writer_, setup_.site, setup_.plan.encoding, *streams_.front(),
                         setup_.interrupt);
    }
    return *writer_;
}

}  // namespace pghaul::delta
