#include "loader/export_lane.hpp"

#include <oneapi/tbb/task_arena.h>

#include "io/carry.hpp"
#include "io/error.hpp"
#include "io/retry.hpp"

namespace pghaul::loader {

using io::Error;

ExportLane::ExportLane(int number, const ExportSetup& setup, WorkQueue& queue)
    : number_(number),
      setup_(setup),
      queue_(queue),
      progress_(setup.progress.add_stream()),
      source_(number + 1, setup.from) {}

void ExportLane::run() noexcept {
    try {
        tbb::task_arena arena(io::threads_per_stream(queue_.streams()));
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
    source_.close();
}

void ExportLane::perform_with_retry(const Work& work) {
    for (io::Retry retry(setup_.from.interrupt, setup_.progress, &progress_);;) {
        try {
            perform(work);
            return;
        } catch (Error& error) {
            source_.close();
            if (error.context().empty()) error.context(work.display());
            if (queue_.ended()) throw;
            retry.pause_or_rethrow(error, work.display());
        }
    }
}

void ExportLane::perform(const Work& work) {
    switch (work.kind) {
        case Work::Kind::copy:
            export_rows(work);
            break;
        case Work::Kind::large_objects: {
            const auto sealed =
                export_large_objects(source_.connection(), *work.objects, setup_.to, progress_);
            const std::lock_guard guard(setup_.sealed_mutex);
            setup_.sealed.large_objects[work.objects->number] = sealed;
            break;
        }
        case Work::Kind::release_source:
            source_.close();
            break;
        case Work::Kind::spool:
        case Work::Kind::build_index:
        case Work::Kind::read_back:
        case Work::Kind::finish:
        case Work::Kind::foreign_keys:
        case Work::Kind::analyze_root:
            throw std::logic_error("an export has nothing to do with " + work.display());
    }
}

bool ExportLane::is_sealed(const TableChunk& chunk) const {
    const std::lock_guard guard(setup_.sealed_mutex);
    return setup_.sealed.chunks.contains({chunk.table->number, chunk.chunk->number});
}

void ExportLane::export_rows(const Work& work) {
    const auto& plan = setup_.from.plan;
    source_.make_room_for(work.chunks.size());
    for (const auto& one : work.chunks) {
        // Of a group that is done again, what was sealed stays.
        if (is_sealed(one)) continue;
        try {
            const CopyRequest request{*one.table, *one.chunk, plan.encoding, !plan.lock_all_tables,
                                      setup_.truncated_since ? &setup_.truncated_since : nullptr};
            const auto sealed = export_chunk(source_.rows(one), request, setup_.to, progress_,
                                             setup_.from.interrupt);
            const std::lock_guard guard(setup_.sealed_mutex);
            setup_.sealed.chunks[{one.table->number, one.chunk->number}] = sealed;
        } catch (Error& error) {
            // A group's error must name the table, not the group.
            Work alone;
            alone.chunks = {one};
            error.context(alone.display());
            throw;
        }
        setup_.progress.loaded_bytes.fetch_add(one.chunk->bytes);
    }
    // The application's TRUNCATE must not wait for more than this work.
    if (plan.capture) source_.leave_snapshot();
}

}  // namespace pghaul::loader
