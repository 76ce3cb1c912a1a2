#include "cmd/image.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <set>

#include "cmd/earlier_copy.hpp"
#include "cmd/live.hpp"
#include "cmd/prove.hpp"
#include "cmd/retry.hpp"
#include "cmd/streams.hpp"
#include "cmd/target_schema.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "loader/large_objects.hpp"
#include "snapshot/keeper.hpp"
#include "snapshot/planner.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;
using io::ExitCode;
using io::Failpoint;
using io::failpoint;
using snapshot::Phase;

// A source that loses its snapshot again and again needs a person, not another try.
constexpr int kSnapshotsPerRun = 3;

class Image {
  public:
    Image(RunContext& run, Steps& steps) : run_(run), steps_(steps), journal_(run.journal) {}

    void copy() {
        for (int attempt = 1;; ++attempt) {
            const auto loaded = journal_.loaded();
            const bool keep = !loaded.empty() && !run_.options.restart_copy;
            if (keep && journal_.missing_chunks() == 0) {
                // Stopped after the last chunk: the source's rows are not needed any more.
                run_.plan = journal_.read_plan();
                set_sequences(run_);
                read_back_rest(loaded);
                break;
            }
            if (keep && !run_.options.source_is_quiet && !run_.capture)
                refuse_to_mix_moments(journal_, {});
            try {
                copy_from_one_snapshot(keep, loaded);
                break;
            } catch (const snapshot::SnapshotLost& lost) {
                go_on_without(lost, attempt);
            }
        }
        check_marks();
        failpoint(Failpoint::copied_before_phase);
        run_.advance(Phase::copied);
    }

  private:
    void go_on_without(const snapshot::SnapshotLost& lost, int attempt) {
        const bool mixes =
            !run_.options.source_is_quiet && !run_.capture && !journal_.loaded().empty();
        if (mixes) refuse_to_mix_moments(journal_, lost.what());
        if (attempt == kSnapshotsPerRun) {
            throw Error(fmt::format("{}, {} times in this run", lost.what(), attempt))
                .exit_code(ExitCode::stopped)
                .hint(
                    "look into the source's log for what ends its sessions, then run again to go "
                    "on");
        }
        spdlog::warn("{}; going on with a new one", lost.what());
    }

    /// The phase says that every mark is there: it reads them back rather than believe us.
    void check_marks() {
        const auto missing = journal_.missing_chunks();
        if (missing == 0) return;
        throw Error(fmt::format("{} chunks are not in the target although they were loaded: it "
                                "lost commits",
                                missing))
            .exit_code(ExitCode::stopped)
            .hint("was the target restarted with fsync or full_page_writes off? run again");
    }

    void copy_from_one_snapshot(bool keep, const snapshot::LoadedChunks& loaded) {
        steps_.begin("snapshot");
        snapshot::Keeper keeper(run_.source, run_.options.job, run_.options.selection,
                                !run_.capture, run_.interrupt);
        // Invariant 1. A table made since then is captured now; the copy needs a newer snapshot.
        if (run_.capture && !capture_is_complete(run_, keeper.catalog().tables)) {
            keeper.release();
            install_capture(run_);
            throw snapshot::SnapshotLost("tables were made on the source meanwhile");
        }
        if (run_.capture) flush_source(keeper, run_.open_source("flush"));
        failpoint(Failpoint::snapshot_exported);
        if (keep) {
            run_.plan = journal_.read_plan();
            adopt_catalog(run_.plan, keeper.catalog());
        } else {
            drop_earlier_copy(run_);
            make_plan(keeper);
            steps_.end();
            make_schema();
            steps_.begin("snapshot");
        }
        int number = 0;
        retry(run_, "snapshot", [&] { number = journal_.add_snapshot(keeper.visible()); });
        steps_.end();
        announce_plan();

        steps_.begin("copy");
        visible_ = keeper.visible();
        copy_rows(keeper, number, keep ? loaded : snapshot::LoadedChunks{});
        steps_.end(run_.progress.loaded_bytes - run_.progress.loaded_before_bytes);
    }

    void read_back_rest(const snapshot::LoadedChunks& loaded) {
        const auto left = tables_to_read_back(run_);
        if (left.empty()) return;
        steps_.begin("read back");
        loader::WorkQueue queue(run_.plan, loaded, {},
                                {run_.options.jobs, false, &run_.progress, [] {}, left});
        run_streams(run_, queue, {}, 0, {});
        if (!queue.all_copied()) stop_early(run_);
        steps_.end();
    }

    void make_plan(snapshot::Keeper& keeper) {
        const auto& options = run_.options;
        run_.schema_archive = dump_schema(keeper, run_.facts.tools, run_.source,
                                          run_.schema_options(), run_.interrupt);
        run_.plan =
            snapshot::make_plan(keeper.connection(), std::move(keeper.catalog()),
                                {options.jobs, options.chunk_bytes, options.format, options.freeze,
                                 run_.facts.integer_datetimes, !run_.capture, run_.capture});
        run_.plan.selection = options.selection;
        // As in pg_dump, large objects come along unless the user chose schemas or tables.
        if (options.selection.schemas.empty() && options.selection.tables.empty()) {
            run_.plan.large_objects = loader::cut_large_objects(keeper.connection());
        }
        for (const auto& hazard : plan_hazards(run_.plan, keeper.connection().server_major())) {
            spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
        }
        if (run_.phase > Phase::schema) {
            journal_.forget_plan();
            run_.phase = Phase::schema;
        } else {
            run_.advance(Phase::schema);
        }
        journal_.store_plan(run_.plan, run_.schema_archive);
        failpoint(Failpoint::plan_recorded);
    }

    void make_schema() {
        steps_.once_from_mark("schema", [&](const loader::RestoreOptions& from) {
            failpoint(Failpoint::schema_before);
            loader::restore_pre_data(run_.facts.tools, run_.archive(), run_.target,
                                     run_.schema_options(), from, run_.interrupt);
            failpoint(Failpoint::schema_after);
        });
        run_.advance(Phase::copying);
    }

    void announce_plan() {
        const auto& plan = run_.plan;
        std::int64_t chunks = 0;
        for (const auto& table : plan.tables) {
            chunks += static_cast<std::int64_t>(table.chunks.size());
        }
        run_.progress.planned_bytes = plan.total_bytes();
        run_.progress.tables = static_cast<int>(plan.tables.size());
        spdlog::info("{} tables, {} chunks, {:.1f} MB to copy over {} streams", plan.tables.size(),
                     chunks, static_cast<double>(plan.total_bytes()) / 1e6, run_.options.jobs);
    }

    void copy_rows(snapshot::Keeper& keeper, int snapshot_number,
                   const snapshot::LoadedChunks& loaded) {
        for (const auto& [table, chunk] : loaded.tables) {
            run_.progress.loaded_bytes += run_.plan.tables[static_cast<std::size_t>(table)]
                                              .chunks[static_cast<std::size_t>(chunk)]
                                              .bytes;
        }
        run_.progress.loaded_before_bytes = run_.progress.loaded_bytes.load();
        const bool finish_too = run_.options.until != Until::copied;
        auto not_to_finish = journal_.finished_tables();
        if (run_.capture) not_to_finish.merge(tables_of_two_moments(loaded));
        loader::WorkQueue queue(run_.plan, loaded, not_to_finish,
                                {run_.options.jobs, finish_too, &run_.progress,
                                 [&] {
                                     set_sequences(run_);
                                     keeper.release();
                                 },
                                 tables_to_read_back(run_)});
        run_streams(run_, queue, keeper.exported(), snapshot_number,
                    truncated_since(run_, visible_));
        if (!queue.all_copied() || (finish_too && !queue.all_done())) stop_early(run_);
    }

    /// Begun in an earlier snapshot and not complete: such a table may violate its unique indexes
    /// until the changes are applied (invariant 5).
    std::set<int> tables_of_two_moments(const snapshot::LoadedChunks& loaded) const {
        std::map<int, std::size_t> chunks;
        for (const auto& [table, chunk] : loaded.tables) ++chunks[table];
        std::set<int> mixed;
        for (const auto& [table, count] : chunks) {
            if (count < run_.plan.tables[static_cast<std::size_t>(table)].chunks.size()) {
                mixed.insert(table);
            }
        }
        mixed.merge(journal_.mixed_tables());
        return mixed;
    }

    RunContext& run_;
    Steps& steps_;
    snapshot::Journal& journal_;
    /// What the snapshot in hand shows.
    std::string visible_;
};

}  // namespace

std::string dump_schema(snapshot::Keeper& keeper, const loader::DumpTools& tools,
                        const io::ConnInfo& source, const loader::SchemaOptions& options,
                        const io::Interrupt& interrupt) {
    try {
        return loader::dump_schema(tools, source, keeper.exported(), options, interrupt);
    } catch (const io::Error& error) {
        // pg_dump says in words of the server's language why it failed, so the keeper is asked.
        if (keeper.is_held()) throw;
        throw snapshot::SnapshotLost(error.what());
    }
}

void copy_image(RunContext& run, Steps& steps) { Image(run, steps).copy(); }

}  // namespace pghaul::cmd
