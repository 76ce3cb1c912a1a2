#include "loader/spool_lane.hpp"

#include <oneapi/tbb/task_arena.h>
#include <spdlog/spdlog.h>

#include "io/carry.hpp"
#include "io/failpoint.hpp"
#include "io/spool_writer.hpp"
#include "loader/copy_chunk.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::loader {
namespace {

class NoRoom : public io::Error {
  public:
    using io::Error::Error;
};

}  // namespace

SpoolLane::SpoolLane(int number, int streams, const LaneSetup& setup, WorkQueue& queue)
    : number_(number),
      setup_(setup),
      queue_(queue),
      progress_(setup.progress.add_stream()),
      source_(streams + number + 1, rows_from(setup)),
      retry_(setup.interrupt, setup.progress, &progress_) {}

void SpoolLane::run() noexcept {
    try {
        tbb::task_arena arena(io::threads_per_stream(queue_.streams()));
        while (const auto work = queue_.take_to_spool(number_)) {
            progress_.begin(work->display());
            arena.execute([&] { perform(*work); });
            progress_.end();
        }
    } catch (...) {
        queue_.fail(std::current_exception());
    }
    progress_.end();
    source_.close();
}

void SpoolLane::perform(const Work& work) {
    try {
        read(work);
        retry_.begin_anew();
    } catch (const snapshot::SnapshotLost&) {
        throw;
    } catch (const io::Interrupted&) {
        throw;
    } catch (const NoRoom&) {
        source_.close();
        queue_.not_spooled(work, WorkQueue::NotSpooled::no_room);
    } catch (const io::SpoolUnwritable& error) {
        source_.close();
        spdlog::warn("{}\nwhat is not in a file yet is read no faster than the target takes it",
                     error.report());
        queue_.not_spooled(work, WorkQueue::NotSpooled::disk);
    } catch (io::Error& error) {
        source_.close();
        // If it is sealed already, it is written again.
        SpoolFolder::remove_file(setup_.spool.file_of(work.chunks.front()));
        if (error.context().empty()) error.context(work.display());
        answer(work, error);
    }
}

void SpoolLane::read(const Work& work) {
    const auto& one = work.chunks.front();
    setup_.spool.make();
    source_.make_room_for(1);
    const auto path = setup_.spool.file_of(one);
    io::SpoolWriter file(path, setup_.spool.id_of(one, setup_.plan.encoding, setup_.ticket.snapshot,
                                                  setup_.visible));
    const CopyRequest request{*one.table, *one.chunk, setup_.plan.encoding, source_.locks_tables(),
                              setup_.truncated_since ? &setup_.truncated_since : nullptr};
    spool_chunk(
        source_.rows(work.chunks.front()), file, request,
        [&](std::uint64_t bytes) {
            const bool goes_on = !queue_.ended();
            if (!goes_on || !queue_.make_room(work, static_cast<std::int64_t>(bytes))) {
                throw NoRoom("no room in the spool");
            }
        },
        setup_.interrupt);
    if (setup_.plan.capture) source_.leave_snapshot();
    io::failpoint(io::Failpoint::spool_sealed);
    const auto bytes = static_cast<std::int64_t>(file.bytes());
    setup_.progress.spooled_bytes.fetch_add(bytes);
    setup_.progress.spool_bytes.fetch_add(bytes);
    queue_.spooled(work, {path, setup_.ticket.snapshot, bytes});
}

/// Trouble with the source: again, after a while and a bounded number of times.
void SpoolLane::answer(const Work& work, const io::Error& error) {
    const bool again = retry_.allows(error);
    if (!again) queue_.end_spooling();
    queue_.not_spooled(work, WorkQueue::NotSpooled::source);
    if (setup_.interrupt.fired() || queue_.ended()) return;
    if (!again) {
        spdlog::warn("{}\nno more chunks are read ahead into files", error.report());
        return;
    }
    retry_.pause(error, work.display());
}

}  // namespace pghaul::loader
