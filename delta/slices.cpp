#include "delta/slices.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>

#include "io/error.hpp"
#include "io/transaction.hpp"
#include "io/workers.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::delta {

using io::Connection;

struct Slices::Piece {
    const Pending* pending;
    Slice slice;
};

struct Slices::Worker {
    Worker(const SlicesSetup& setup, std::size_t number)
        : source(setup.open_source(fmt::format("slice {}", number + 1))),
          target(setup.open_target(fmt::format("slice {}", number + 1))),
          applier(source, target, setup.site, setup.encoding, *setup.streams[number],
                  setup.interrupt) {}

    Connection source;
    Connection target;
    Applier applier;
    tbb::task_arena arena{2};
};

Slices::Slices(SlicesSetup setup, const Window& window) : setup_(std::move(setup)) {
    const auto wanted = std::min(setup_.streams.size(), pieces_of(window).size());
    for (std::size_t i = 0; i < wanted; ++i) {
        auto& worker = *workers_.emplace_back(std::make_unique<Worker>(setup_, i));
        worker.source.execute({"import_snapshot", snapshot::import_snapshot(window.exported)});
        hold_tables(worker.source, window);
    }
}

Slices::~Slices() = default;

std::vector<Slices::Piece> Slices::pieces_of(const Window& window) const {
    std::vector<Piece> pieces;
    for (const auto& pending : window.tables) {
        if (pending.rows == 0 || pending.fresh || setup_.left_out(pending)) continue;
        const auto count = can_slice(pending.table->info)
                               ? (pending.rows + setup_.slice_rows - 1) / setup_.slice_rows
                               : 1;
        for (int i = 0; i < count; ++i) pieces.push_back({&pending, {i, static_cast<int>(count)}});
    }
    return pieces;
}

void Slices::in_parallel(const Window& window, bool deleting) {
    const auto pieces = pieces_of(window);
    io::share_work(pieces.size(), static_cast<int>(workers_.size()), [&](int number) -> io::Work {
        const auto at = static_cast<std::size_t>(number - 1);
        return [&, at](std::size_t i) {
            take(*workers_[at], *setup_.streams[at], window, pieces[i], deleting);
        };
    });
}

void Slices::take(Worker& worker, io::StreamProgress& stream, const Window& window,
                  const Piece& piece, bool deleting) {
    const auto& [pending, slice] = piece;
    stream.begin(fmt::format("{} changes of {} ({} of {})", deleting ? "clear" : "apply",
                             pending->table->info.display(), slice.number + 1, slice.count));
    try {
        worker.arena.execute([&] {
            io::Transaction transaction(worker.target);
            if (deleting) {
                worker.applier.delete_touched(window, *pending, slice);
            } else if (setup_.check) {
                worker.applier.insert_checked(window, *pending, slice);
            } else {
                worker.applier.insert_current(window, *pending, slice);
            }
            transaction.commit();
        });
    } catch (io::Error& error) {
        explain(error, *pending);
        throw;
    }
    if (!deleting) setup_.progress.pending_rows -= pending->rows / slice.count;
    stream.end();
}

void explain(io::Error& error, const Pending& pending) {
    if (error.context().empty()) error.context("changes of " + pending.table->info.display());
    if (!error.sqlstate().starts_with("23")) return;
    error.hint(
        "the source has accepted this row: look for a constraint or index that only the target "
        "has and remove it, then run the same command again to go on");
}

}  // namespace pghaul::delta
