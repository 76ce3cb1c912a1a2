#include "cmd/export_image.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "cmd/earlier_copy.hpp"
#include "cmd/export_claim.hpp"
#include "cmd/export_context.hpp"
#include "cmd/live.hpp"
#include "cmd/retry.hpp"
#include "cmd/source_schema.hpp"
#include "cmd/streams.hpp"
#include "cmd/via.hpp"
#include "delta/capture.hpp"
#include "delta/window.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "loader/export_lane.hpp"
#include "loader/large_objects.hpp"
#include "loader/sequences.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/keeper.hpp"
#include "snapshot/planner.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;
using io::ExitCode;
using io::Failpoint;
using io::failpoint;
using Clock = std::chrono::steady_clock;

// As for an image between two servers.
constexpr int kSnapshotsPerRun = 3;

class Export {
  public:
    explicit Export(ExportContext& run) : run_(run) {}

    ExportResult run() {
        claim_folder(run_);
        if (const auto manifest = run_.folder.manifest()) {
            run_.plan = *run_.folder.plan();
            return result_of(*manifest, true);
        }
        find_what_stands(run_);
        if (!run_.complete()) {
            run_.via = set_up_agents(run_.options, run_.source, run_.session_job, run_.progress,
                                     run_.interrupt);
        }
        if (run_.capture) capture();
        for (int attempt = 1; !run_.complete(); ++attempt) {
            if (run_.deadline.passed()) stop_early();
            try {
                export_from_one_snapshot();
            } catch (const snapshot::SnapshotLost& lost) {
                go_on_without(lost, attempt);
            }
        }
        say_what_agents_saved(run_.progress);
        return finish();
    }

  private:
    void begin(const std::string& step) {
        run_.progress.begin_step(step);
        steps_.push_back({step, 0, 0});
        began_ = Clock::now();
    }
    void end(std::uint64_t bytes = 0) {
        steps_.back().seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        steps_.back().bytes = static_cast<std::int64_t>(bytes);
    }

    void capture() {
        begin("capture");
        auto source = run_.open("capture");
        run_.site = install_capture(
            source, {run_.options, run_.note.export_id, "an export in " + run_.folder.path(),
                     run_.progress, run_.interrupt});
        end();
    }

    void go_on_without(const snapshot::SnapshotLost& lost, int attempt) {
        const bool mixes =
            !run_.capture && !run_.options.source_is_quiet && !run_.done_so_far().empty();
        if (mixes || attempt == kSnapshotsPerRun) {
            throw Error(lost.what())
                .exit_code(ExitCode::stopped)
                .hint(mixes ? "run again to export anew; with capture, or with --source-is-quiet, "
                              "it would go on"
                            : "look into the source's log for what ends its sessions, then run "
                              "again to go on");
        }
        spdlog::warn("{}; going on with a new one", lost.what());
    }

    [[noreturn]] void stop_early() const {
        const auto done = run_.sealed.chunks.size() + run_.sealed.large_objects.size();
        throw Error(fmt::format("the time is up: {} of {} chunks exported", done,
                                run_.plan.plan.total_chunks()))
            .exit_code(ExitCode::stopped)
            .hint("run the same command again to go on");
    }

    void export_from_one_snapshot() {
        begin("snapshot");
        loader::SchemaOptions all;
        all.selection = run_.options.selection;
        all.job = run_.session_job;
        all.source_major = run_.facts.source_major;
        SourceSchema schema(run_.facts.tools, run_.source, all, run_.interrupt);
        const bool is_new = run_.plan.snapshots.empty();
        snapshot::Keeper keeper(run_.source, run_.session_job, run_.options.selection,
                                !run_.capture, run_.interrupt, [&](const std::string& exported) {
                                    if (is_new) schema.begin(exported, false);
                                });
        if (run_.capture) {
            // Invariant 1. A table made since then is captured now, for a newer snapshot.
            auto source = run_.open("capture");
            if (!delta::uncaptured(source, *run_.site, keeper.catalog().tables).empty()) {
                keeper.release();
                capture();
                throw snapshot::SnapshotLost("tables were made on the source meanwhile");
            }
            flush_source(keeper, run_.open("flush"));
        }
        failpoint(Failpoint::snapshot_exported);
        if (is_new) {
            make_plan(keeper, schema);
        } else {
            adopt(keeper.catalog());
        }
        run_.plan.snapshots.push_back(keeper.visible());
        run_.folder.store_plan(run_.plan);
        failpoint(Failpoint::export_planned);
        end();
        export_rows(keeper);
    }

    void adopt(const snapshot::Catalog& catalog) {
        try {
            adopt_catalog(run_.plan.plan, catalog);
        } catch (Error& error) {
            throw error.hint(
                "begin anew: remove the folder, with capture also: pghaul drop --source …");
        }
    }

    void make_plan(snapshot::Keeper& keeper, SourceSchema& schema) {
        auto& source = keeper.connection();
        run_.plan.note = run_.note;
        run_.plan.source_major = source.server_major();
        run_.plan.dump_major = run_.facts.tools.major;
        run_.plan.needs = needs_of(source, run_.options);
        run_.plan.plan = snapshot::make_plan(
            source, std::move(keeper.catalog()),
            {run_.options.jobs, run_.options.chunk_bytes, run_.options.format, run_.options.freeze,
             run_.facts.integer_datetimes, !run_.capture, run_.capture});
        run_.plan.plan.selection = run_.options.selection;
        if (run_.options.selection.schemas.empty() && run_.options.selection.tables.empty()) {
            run_.plan.plan.large_objects = loader::cut_large_objects(source);
        }
        run_.folder.store_schema(schema.archive(keeper));
        for (const auto& hazard : plan_hazards(run_.plan.plan, run_.plan.source_major)) {
            spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
        }
    }

    void export_rows(snapshot::Keeper& keeper) {
        begin("export");
        const auto& plan = run_.plan.plan;
        const auto done = run_.done_so_far();
        begin_counting(run_.progress, plan, done);
        spdlog::info("{} tables, {:.1f} MB to export over {} streams into {}", plan.tables.size(),
                     static_cast<double>(plan.total_bytes()) / 1e6, run_.options.jobs,
                     run_.folder.path());
        loader::WorkQueue queue(
            plan, done, {},
            {run_.options.jobs, false, &run_.progress, [&] { keeper.release(); }, {}});
        run_streams(queue, keeper.exported());
        queue.rethrow();
        if (!queue.all_copied()) stop_early();
        end(static_cast<std::uint64_t>(run_.progress.loaded_bytes -
                                       run_.progress.loaded_before_bytes));
    }

    void run_streams(loader::WorkQueue& queue, const std::string& exported) {
        std::mutex mutex;
        const loader::ExportSetup setup{
            {run_.source, run_.plan.plan, exported, run_.session_job, run_.interrupt,
             run_.via ? &*run_.via : nullptr},
            {run_.folder.path(), run_.note.export_id, static_cast<int>(run_.plan.snapshots.size())},
            run_.progress,
            truncated_since(run_.plan.snapshots.back()),
            run_.sealed,
            mutex};
        const Alarm alarm(run_.deadline, [&] { queue.stop(); });
        std::deque<loader::ExportLane> lanes;
        std::vector<std::jthread> threads;
        for (int i = 0; i < run_.options.jobs; ++i) lanes.emplace_back(i, setup, queue);
        for (auto& lane : lanes) threads.emplace_back([&lane] { lane.run(); });
    }

    std::function<bool(snapshot::Oid)> truncated_since(const std::string& visible) const {
        if (!run_.capture) return {};
        return [this, visible](snapshot::Oid table) {
            auto source = run_.open("truncations");
            return delta::truncated_since(source, *run_.site, table, visible);
        };
    }

    /// A table that was truncated after the snapshot may be empty where others still refer to it.
    bool is_one_moment() const {
        if (!run_.capture) return true;
        std::set<std::uint32_t> used;
        for (const auto& [chunk, file] : run_.sealed.chunks) used.insert(file.snapshot);
        for (const auto& [part, file] : run_.sealed.large_objects) used.insert(file.snapshot);
        if (used.size() > 1) return false;
        const auto& first = run_.plan.snapshots[used.empty() ? 0 : *used.begin() - 1];
        auto source = run_.open("truncations");
        return std::none_of(
            run_.plan.plan.tables.begin(), run_.plan.plan.tables.end(), [&](const auto& table) {
                return delta::truncated_since(source, *run_.site, table.info.oid, first);
            });
    }

    ExportResult finish() {
        begin("finish");
        snapshot::Manifest manifest;
        manifest.export_id = run_.note.export_id;
        // Sequences have no snapshot: read when the last row has been, they are never behind.
        retry(run_.interrupt, run_.progress, "sequences", [&] {
            auto source = run_.open("sequences");
            manifest.sequences = loader::read_sequences(source, run_.plan.plan.sequences);
            manifest.one_moment = is_one_moment();
        });
        manifest.chunks = run_.sealed.chunks;
        manifest.large_objects = run_.sealed.large_objects;
        failpoint(Failpoint::export_before_manifest);
        run_.folder.finish(manifest);
        end();
        return result_of(manifest, false);
    }

    ExportResult result_of(const snapshot::Manifest& manifest, bool was_done_already) const {
        return {was_done_already,
                run_.folder.path(),
                static_cast<std::int64_t>(run_.plan.plan.tables.size()),
                manifest.rows(),
                manifest.raw_bytes(),
                manifest.file_bytes(),
                run_.capture,
                manifest.one_moment,
                steps_};
    }

    ExportContext& run_;
    std::vector<StepTime> steps_;
    Clock::time_point began_;
};

}  // namespace

std::string export_sessions(const std::string& job) { return job + "+export"; }

ExportResult export_image(const Options& options, io::Interrupt& interrupt,
                          io::RunProgress& progress) {
    ExportContext run(options, interrupt, progress);
    return Export(run).run();
}

}  // namespace pghaul::cmd
