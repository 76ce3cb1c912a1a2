#include "loader/lane.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/task_arena.h>
#include <spdlog/spdlog.h>

#include "io/carry.hpp"
#include "io/failpoint.hpp"
#include "io/retry.hpp"
#include "io/spool_reader.hpp"
#include "loader/finish_table.hpp"
#include "loader/foreign_keys.hpp"
#include "loader/large_object_file.hpp"
#include "loader/large_objects.hpp"
#include "snapshot/claims.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::loader {

using io::Connection;
using io::Error;

RowsFrom rows_from(const LaneSetup& setup) {
    return {setup.source,    setup.plan, setup.exported, setup.ticket.job,
            setup.interrupt, setup.via,  setup.files};
}

Lane::Lane(int number, const LaneSetup& setup, WorkQueue& queue)
    : number_(number),
      setup_(setup),
      queue_(queue),
      progress_(setup.progress.add_stream()),
      source_(number + 1, rows_from(setup)) {}

void Lane::run() noexcept {
    try {
        tbb::task_arena arena(io::threads_per_stream(queue_.streams()));
        while (auto work = queue_.take(number_)) {
            progress_.begin(work->display());
            bool done = false;
            arena.execute([&] { done = perform_with_retry(*work); });
            progress_.end();
            if (done) queue_.done(number_, *work);
        }
    } catch (...) {
        queue_.fail(std::current_exception());
    }
    progress_.end();
    close_connections();
}

/// Returns false if the work went back to the queue.
bool Lane::perform_with_retry(Work& work) {
    for (io::Retry retry(setup_.interrupt, setup_.progress, &progress_);;) {
        try {
            if (retry.failures() > 0 && settled(work)) break;
            if (perform(work)) break;
            queue_.elsewhere(work);
            return false;
        } catch (const io::SpoolDamaged& damage) {
            close_connections();
            return give_up_file(work, damage);
        } catch (Error& error) {
            close_connections();
            if (error.context().empty()) error.context(work.display());
            if (queue_.ended()) throw;
            retry.pause_or_rethrow(error, work.display());
        }
    }
    if (work.spooled) remove_file(*work.spooled);
    return true;
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

/// Returns false if another process does it.
bool Lane::perform(Work& work) {
    if (work.leaves_source) leave_source();
    switch (work.kind) {
        case Work::Kind::copy:
            return work.spooled ? load(work) : copy(work);
        case Work::Kind::spool:
            throw std::logic_error("a stream was given a reader's work");
        case Work::Kind::large_objects:
            copy_objects(work);
            break;
        case Work::Kind::build_index:
            return build_index(target(), setup_.ticket.job, work.table->info, *work.index,
                               {work.idle_streams, work.helpers_wanted});
        case Work::Kind::read_back:
            setup_.read_back.read_piece(target(), *work.table, work.piece, work.pieces, progress_,
                                        setup_.interrupt);
            break;
        case Work::Kind::finish:
            finish_table(target(), *work.table, setup_.ticket.job);
            break;
        case Work::Kind::foreign_keys:
            make_foreign_keys_early(target(), work.keys);
            break;
        case Work::Kind::analyze_root:
            target().execute({"analyze_root", "analyze " + work.root});
            break;
        case Work::Kind::release_source:
            source_.close();
            break;
    }
    return true;
}

/// Claims the work's chunks for as long as the transaction lasts. What others have of a group is
/// left to them, and out of the work. Returns false if they have all of it.
bool Lane::claim(Work& work) {
    snapshot::ChunkKeys wanted;
    for (const auto& [table, chunk] : work.chunks) wanted.emplace(table->number, chunk->number);
    const auto claimed = snapshot::claim_chunks(target(), setup_.ticket.job, wanted);
    if (claimed.empty()) return false;
    if (claimed.size() == wanted.size()) return true;
    std::vector<TableChunk> others;
    std::erase_if(work.chunks, [&](const TableChunk& one) {
        if (claimed.contains({one.table->number, one.chunk->number})) return false;
        others.push_back(one);
        return true;
    });
    queue_.elsewhere(others);
    return true;
}

CopyRequest Lane::request_for(const TableChunk& one) const {
    return {*one.table, *one.chunk, setup_.plan.encoding, source_.locks_tables(),
            setup_.truncated_since ? &setup_.truncated_since : nullptr};
}

/// What one message may start: a change of the encoding would have to stand between them.
std::vector<std::string> Lane::copies_at_once(const std::vector<TableChunk>& chunks) const {
    if (chunks.size() == 1 || setup_.plan.encoding != "UTF8") return {};
    std::vector<std::string> copies;
    for (const auto& one : chunks) copies.push_back(copy_in_sql(*one.table));
    return copies;
}

bool Lane::copy(Work& work) {
    source_.make_room_for(work.chunks.size());
    std::int64_t bytes = 0;
    snapshot::CopyMarks marks;
    std::vector<ReadBack::Sent> sent;
    io::Transaction transaction(target());
    if (!claim(work)) return false;
    source_.expect(work.chunks);
    io::CopyTarget rows_to(target());
    rows_to.expect(copies_at_once(work.chunks));
    for (const auto& one : work.chunks) {
        try {
            const auto chunk = copy_chunk(source_.rows(one), rows_to, request_for(one), progress_,
                                          setup_.interrupt);
            const int snapshot =
                setup_.files == nullptr
                    ? setup_.ticket.snapshot
                    : setup_.files->snapshot_of(one.table->number, one.chunk->number);
            marks.loaded[snapshot].push_back(chunk);
            sent.push_back({one.table, chunk.rows});
        } catch (Error& error) {
            // A group's error must name the table, not the group.
            Work named;
            named.chunks = {one};
            error.context(named.display());
            throw;
        }
        bytes += one.chunk->bytes;
    }
    complete(work, sent, marks);
    commit(transaction, marks);
    // With capture the application goes on: its TRUNCATE must not wait for more than this work.
    if (setup_.plan.capture) source_.leave_snapshot();
    // Not before: a source that is lost here makes this work be tried again.
    committing_ = false;
    setup_.progress.loaded_bytes.fetch_add(bytes);
    return true;
}

/// Same for rows that are in a file already, with the snapshot that they were read in.
bool Lane::load(Work& work) {
    const auto& one = work.chunks.front();
    io::failpoint(io::Failpoint::spool_before_load);
    io::SpoolReader rows(work.spooled->path);
    snapshot::CopyMarks marks;
    io::Transaction transaction(target());
    if (!claim(work)) return false;
    io::CopyTarget rows_to(target());
    const auto chunk = load_chunk(rows, rows_to, request_for(one), progress_, setup_.interrupt);
    marks.loaded[work.spooled->snapshot].push_back(chunk);
    commit(transaction, marks);
    committing_ = false;
    setup_.progress.loaded_bytes.fetch_add(one.chunk->bytes);
    return true;
}

void Lane::commit(io::Transaction& transaction, const snapshot::CopyMarks& marks) {
    io::failpoint(io::Failpoint::copy_before_mark);
    snapshot::write_marks(target(), setup_.ticket, marks);
    io::failpoint(io::Failpoint::copy_before_commit);
    committing_ = true;
    {
        const io::Waiting waiting(progress_.target_time());
        transaction.commit();
    }
    io::failpoint(io::Failpoint::copy_after_commit);
}

/// Requires: what it held is committed on the target's disk, or is of no use (invariant 11).
void Lane::remove_file(const SpoolFile& file) {
    io::failpoint(io::Failpoint::spool_before_removal);
    setup_.progress.spool_bytes.fetch_sub(file.bytes);
    try {
        SpoolFolder::remove_file(file.path);
    } catch (const Error& error) {
        spdlog::warn("{}", error.report());
    }
}

/// The rows must come from the source again. Returns false: the work is not done.
/// Throws: SnapshotLost if the snapshot they were read in is gone.
bool Lane::give_up_file(const Work& work, const io::Error& damage) {
    spdlog::warn("{}", damage.report());
    remove_file(*work.spooled);
    if (queue_.hand_back(number_, work)) return false;
    throw snapshot::SnapshotLost(
        "a file of the spool is damaged, and the snapshot that its rows were read in was let go");
}

/// A session in the snapshot keeps the source from vacuuming.
void Lane::leave_source() noexcept {
    try {
        source_.leave_snapshot();
    } catch (const std::exception&) {
        source_.close();
    }
}

/// What small tables get in the transaction that brought their rows.
void Lane::complete(const Work& work, const std::vector<ReadBack::Sent>& sent,
                    snapshot::CopyMarks& marks) {
    if (work.read_back_too) {
        const auto proofs =
            setup_.read_back.read_whole(target(), sent, progress_, setup_.interrupt);
        for (std::size_t i = 0; i < sent.size(); ++i) {
            marks.proofs[proofs[i]].push_back(sent[i].table->number);
        }
    }
    if (work.finish_too) {
        std::vector<const snapshot::TablePlan*> tables;
        for (const auto& one : sent) tables.push_back(one.table);
        finish_fresh_tables(target(), tables);
        for (const auto* table : tables) marks.finished.push_back(table->number);
    }
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
    io::SessionSettings settings{
        setup_.ticket.job,
        fmt::format("write {}", number_ + 1),
        "UTF8",
        kLaneLockTimeout,
        {{"maintenance_work_mem", fmt::format("{}kB", setup_.maintenance_work_mem_kb)},
         {"synchronous_commit", "on"},
         // A machine that is gone lets go of its claims within half a minute.
         {"tcp_keepalives_idle", "10"},
         {"tcp_keepalives_interval", "5"},
         {"tcp_keepalives_count", "3"}}};
    if (!setup_.toast_compression.empty()) {
        settings.extra.emplace_back("default_toast_compression", setup_.toast_compression);
    }
    target_ = Connection::open(setup_.target, settings, setup_.interrupt);
    return *target_;
}

void Lane::close_connections() noexcept {
    source_.close();
    target_.reset();
}

}  // namespace pghaul::loader
