#include "loader/lane.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/task_arena.h>
#include <spdlog/spdlog.h>

#include "io/backoff.hpp"
#include "io/failpoint.hpp"
#include "io/transaction.hpp"
#include "loader/copy_chunk.hpp"
#include "loader/finish_table.hpp"
#include "loader/large_object_file.hpp"
#include "loader/large_objects.hpp"

namespace pghaul::loader {

using io::Connection;
using io::Error;

Lane::Lane(int number, const LaneSetup& setup, WorkQueue& queue)

    : number_(number),
      setup_(setup),
      queue_(queue),
      progress_(setup.progress.add_stream()),
      source_(number + 1, {setup.source, setup.plan, setup.exported, setup.ticket.job,
                           setup.interrupt, setup.via, setup.files}) {}

void Lane::run() noexcept {
    try {
        // Two slots: this thread and one worker, so that reading and writing overlap.
        tbb::task_arena arena(2);
        while (const auto work = queue_.take(number_)) {
            progress_.begin(work->display());
            arena.execute([&] { perform_with_retry(*work); });
            progress_.end();
            queue_.done(number_, *work);
        }
    } catch (...) {
        queue_.fail(std::current_exception());
    }
    progress_.end();
    close_connections();
}

void Lane::perform_with_retry(const Work& work) {
    for (io::Backoff backoff;;) {
        try {
            if (backoff.failures() > 0 && settled(work)) return;
            perform(work);
            return;
        } catch (Error& error) {
            close_connections();
            if (error.context().empty()) error.context(work.display());
            if (setup_.interrupt.fired() || queue_.ended()) throw;
            if (!backoff.allows(error)) throw;
            setup_.progress.retries.fetch_add(1);
            const auto pause = backoff.next_pause();
            spdlog::warn("{}\ntrying again in {:.1f} s ({} of {})", error.report(),
                         std::chrono::duration<double>(pause).count(), backoff.failures(),
                         io::Backoff::kAttempts - 1);
            progress_.begin("waiting to retry: " + work.display());
            setup_.interrupt.sleep_ms(static_cast<int>(pause.count()));
            progress_.begin(work.display());
        }
    }
}

/// An attempt whose commit was sent but not answered may have taken place (invariant 8).
bool Lane::settled(const Work& work) {
    if (!committing_) return false;
    bool loaded = false;
    if (work.kind == Work::Kind::copy) {
        // All chunks of the work share the transaction, so the first speaks for all.
        const auto& [table, chunk] = work.chunks.front();
        loaded = snapshot::is_loaded(target(), setup_.ticket.job, table->number, chunk->number);
    } else if (work.kind == Work::Kind::large_objects) {
        loaded = snapshot::objects_are_loaded(target(), setup_.ticket.job, work.objects->number);
    }
    committing_ = false;
    return loaded;
}

void Lane::perform(const Work& work) {
    switch (work.kind) {
        case Work::Kind::copy:
            copy(work);
            break;
        case Work::Kind::large_objects:
            copy_objects(work);
            break;
        case Work::Kind::build_index:
            build_index(target(), work.table->info, *work.index, work.idle_streams);
            break;
        case Work::Kind::read_back:
            setup_.read_back.read_piece(target(), *work.table, work.piece, work.pieces, progress_,
                                        setup_.interrupt);
            break;
        case Work::Kind::finish:
            finish_table(target(), *work.table, setup_.ticket.job);
            break;
        case Work::Kind::release_source:
            source_.close();
            break;
    }
}

void Lane::copy(const Work& work) {
    source_.make_room_for(work.chunks.size());
    std::int64_t bytes = 0;
    io::Transaction transaction(target());
    for (const auto& [table, chunk] : work.chunks) {
        try {
            const CopyRequest request{*table, *chunk, setup_.plan.encoding, source_.locks_tables(),
                                      setup_.truncated_since ? &setup_.truncated_since : nullptr};
            auto ticket = setup_.ticket;
            if (setup_.files != nullptr) {
                ticket.snapshot = setup_.files->snapshot_of(table->number, chunk->number);
            }
            const auto sent = copy_chunk(source_.rows({table, chunk}), target(), request, ticket,
                                         progress_, setup_.interrupt);
            finish_in_copy(work, *table, sent);
        } catch (Error& error) {
            // A group's error must name the table, not the group.
            Work one;
            one.chunks = {{table, chunk}};
            error.context(one.display());
            throw;
        }
        bytes += chunk->bytes;
    }
    io::failpoint(io::Failpoint::copy_before_commit);
    committing_ = true;
    transaction.commit();
    io::failpoint(io::Failpoint::copy_after_commit);
    // With capture the application goes on: its TRUNCATE must not wait for more than this work.
    if (setup_.plan.capture) source_.leave_snapshot();
    // Not before: a source that is lost here makes this work be tried again.
    committing_ = false;
    setup_.progress.loaded_bytes.fetch_add(bytes);
}

/// What a small table gets in the transaction of its rows.
void Lane::finish_in_copy(const Work& work, const snapshot::TablePlan& table,
                          const io::RowSum& sent) {
    if (work.read_back_too) {
        const auto proof =
            setup_.read_back.read_whole(target(), table, sent, progress_, setup_.interrupt);
        snapshot::mark_proof(target(), setup_.ticket.job, {table.number}, proof);
    }
    if (work.finish_too) finish_fresh_table(target(), table, setup_.ticket.job);
}

void Lane::copy_objects(const Work& work) {
    io::Transaction transaction(target());
    LargeObjectResult result;
    auto ticket = setup_.ticket;
    if (setup_.files != nullptr) {
        const int part = work.objects->number;
        result = load_large_objects(
            *setup_.files->open_objects(part), target(),
            {*work.objects, setup_.no_owner, setup_.no_privileges, setup_.read_objects_back},
            progress_);
        ticket.snapshot = setup_.files->snapshot_of_objects(part);
    } else {
        result = copy_large_objects(source_.connection(), target(), work.objects->first,
                                    work.objects->last, setup_.no_owner, setup_.no_privileges,
                                    setup_.read_objects_back);
    }
    io::failpoint(io::Failpoint::large_objects_before_mark);
    snapshot::mark_objects_loaded(target(), ticket, work.objects->number, result.bytes);
    committing_ = true;
    transaction.commit();
    committing_ = false;
    progress_.add_bytes(static_cast<std::uint64_t>(result.bytes));
}

Connection& Lane::target() {
    if (target_) return *target_;
    target_ = Connection::open(
        setup_.target,
        {setup_.ticket.job,
         fmt::format("write {}", number_ + 1),
         "UTF8",
         kLaneLockTimeout,
         {{"maintenance_work_mem", fmt::format("{}kB", setup_.maintenance_work_mem_kb)},
          {"synchronous_commit", "on"}}},
        setup_.interrupt);
    return *target_;
}

void Lane::close_connections() noexcept {
    source_.close();
    target_.reset();
}

}  // namespace pghaul::loader
