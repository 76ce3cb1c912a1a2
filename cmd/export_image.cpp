#include "cmd/export_image.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/global_control.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "cmd/earlier_copy.hpp"
#include "cmd/export_folder.hpp"
#include "cmd/hazards.hpp"
#include "cmd/image.hpp"
#include "cmd/job_claim.hpp"
#include "cmd/live.hpp"
#include "cmd/retry.hpp"
#include "delta/capture.hpp"
#include "delta/window.hpp"
#include "io/durable_file.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "loader/export_lane.hpp"
#include "loader/large_objects.hpp"
#include "loader/schema_dump.hpp"
#include "loader/sequences.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/keeper.hpp"
#include "snapshot/planner.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using io::Failpoint;
using io::failpoint;
using Clock = std::chrono::steady_clock;

// As for an image between two servers.
constexpr int kSnapshotsPerRun = 3;

std::string new_export_id() {
    std::random_device random;
    const auto half = [&] {
        return io::checksum_text(static_cast<std::uint64_t>(random()) << 32 | random());
    };
    return half() + half();
}

class Export {
  public:
    Export(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress)
        : options_(options),
          interrupt_(interrupt),
          progress_(progress),
          source_(io::ConnInfo::parse(options.source)),
          session_job_(export_sessions(options.job)),
          capture_(!options.no_capture),
          threads_(tbb::global_control::max_allowed_parallelism,
                   static_cast<std::size_t>(2 * options.jobs + 1)),
          folder_(options.folder) {}

    ExportResult run() {
        look_at_source();
        if (const auto manifest = folder_.manifest()) {
            plan_ = *folder_.plan();
            return result_of(*manifest, true);
        }
        if (auto plan = folder_.plan()) {
            plan_ = std::move(*plan);
            find_what_stands();
        }
        if (capture_) capture();
        for (int attempt = 1; !complete(); ++attempt) {
            try {
                export_from_one_snapshot();
            } catch (const snapshot::SnapshotLost& lost) {
                go_on_without(lost, attempt);
            }
        }
        return finish();
    }

  private:
    Connection open(const std::string& role) const {
        return Connection::open(source_, {session_job_, role, "UTF8", std::chrono::seconds(60), {}},
                                interrupt_);
    }

    void begin(const std::string& step) {
        progress_.begin_step(step);
        steps_.push_back({step, 0, 0});
        began_ = Clock::now();
    }
    void end(std::uint64_t bytes = 0) {
        steps_.back().seconds = std::chrono::duration<double>(Clock::now() - began_).count();
        steps_.back().bytes = static_cast<std::int64_t>(bytes);
    }

    /// Whose folder is it, and does anything forbid the export? Nothing is touched before.
    void look_at_source() {
        auto source = open("plan");
        facts_ = check_source(source, interrupt_);
        if (const auto note = folder_.note()) {
            note_ = *note;
            check_same_export();
        } else {
            begin_anew();
        }
        snapshot::end_leftover_sessions(source, session_job_, interrupt_);
        const auto chosen = snapshot::select_relations(source, options_.selection);
        const auto hazards =
            source_hazards(source, options_, snapshot::read_catalog(source, chosen));
        refuse_if_no_go(hazards);
        for (const auto& hazard : hazards) {
            if (hazard.weight != Hazard::Weight::warning) continue;
            spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
        }
    }

    void check_same_export() const {
        const auto refuse = [&](const std::string& what) {
            throw Error(fmt::format("{} holds an export of {}", folder_.path(), what))
                .exit_code(ExitCode::no_go)
                .hint("name another folder, or remove this one if it is not needed any more");
        };
        if (note_.source_identity != facts_.source_identity)
            refuse("another source, " + note_.source);
        if (note_.job != options_.job) refuse("another job, " + note_.job);
        if (note_.settings != settings_of(options_)) refuse("other choices: " + note_.settings);
        if (note_.capture != capture_) {
            refuse(note_.capture ? "the same source with capture"
                                 : "the same source without capture");
        }
    }

    void begin_anew() {
        note_ = {options_.job,           new_export_id(),       source_.display(),
                 facts_.source_identity, settings_of(options_), capture_};
        plan_ = {};
        sealed_ = {};
        folder_.begin(note_);
        failpoint(Failpoint::export_begun);
    }

    /// Without capture, nothing makes rows of two moments one image.
    void find_what_stands() {
        sealed_ = loader::find_sealed(folder_.path(), plan_);
        if (complete() || capture_ || options_.source_is_quiet) return;
        spdlog::warn(
            "what was exported is as of a snapshot that is gone, so all of it is exported anew\n"
            "HINT: --source-is-quiet keeps it, if you vouch that nothing changed on the source "
            "since");
        begin_anew();
    }

    bool complete() const {
        if (plan_.snapshots.empty()) return false;
        std::size_t chunks = 0;
        for (const auto& table : plan_.plan.tables) chunks += table.chunks.size();
        return sealed_.chunks.size() == chunks &&
               sealed_.large_objects.size() == plan_.plan.large_objects.size();
    }

    void capture() {
        begin("capture");
        auto source = open("capture");
        site_ = install_capture(source, {options_, note_.export_id,
                                         "an export in " + folder_.path(), progress_, interrupt_});
        end();
    }

    void go_on_without(const snapshot::SnapshotLost& lost, int attempt) {
        const bool mixes = !capture_ && !options_.source_is_quiet && !done_so_far().empty();
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

    void export_from_one_snapshot() {
        begin("snapshot");
        snapshot::Keeper keeper(source_, session_job_, options_.selection, !capture_, interrupt_);
        if (capture_) {
            // Invariant 1. A table made since then is captured now, for a newer snapshot.
            auto source = open("capture");
            if (!delta::uncaptured(source, *site_, keeper.catalog().tables).empty()) {
                keeper.release();
                capture();
                throw snapshot::SnapshotLost("tables were made on the source meanwhile");
            }
            flush_source(keeper, open("flush"));
        }
        failpoint(Failpoint::snapshot_exported);
        if (plan_.snapshots.empty()) {
            make_plan(keeper);
        } else {
            adopt(keeper.catalog());
        }
        plan_.snapshots.push_back(keeper.visible());
        folder_.store_plan(plan_);
        failpoint(Failpoint::export_planned);
        end();
        export_rows(keeper);
    }

    void adopt(const snapshot::Catalog& catalog) {
        try {
            adopt_catalog(plan_.plan, catalog);
        } catch (Error& error) {
            throw error.hint(
                "begin anew: remove the folder, with capture also: pghaul drop --source …");
        }
    }

    void make_plan(snapshot::Keeper& keeper) {
        auto& source = keeper.connection();
        loader::SchemaOptions all;
        all.selection = options_.selection;
        all.job = session_job_;
        folder_.store_schema(dump_schema(keeper, facts_.tools, source_, all, interrupt_));
        plan_.note = note_;
        plan_.source_major = source.server_major();
        plan_.dump_major = facts_.tools.major;
        plan_.needs =
            needs_of(source, options_.selection.everything()
                                 ? std::vector<snapshot::Oid>{}
                                 : snapshot::select_relations(source, options_.selection));
        plan_.plan =
            snapshot::make_plan(source, std::move(keeper.catalog()),
                                {options_.jobs, options_.chunk_bytes, options_.format,
                                 options_.freeze, facts_.integer_datetimes, !capture_, capture_});
        plan_.plan.selection = options_.selection;
        if (options_.selection.schemas.empty() && options_.selection.tables.empty()) {
            plan_.plan.large_objects = loader::cut_large_objects(source);
        }
        for (const auto& hazard : plan_hazards(plan_.plan, plan_.source_major)) {
            spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
        }
    }

    snapshot::LoadedChunks done_so_far() const {
        snapshot::LoadedChunks done;
        for (const auto& [chunk, file] : sealed_.chunks) done.tables.insert(chunk);
        for (const auto& [part, file] : sealed_.large_objects) done.large_objects.insert(part);
        return done;
    }

    void export_rows(snapshot::Keeper& keeper) {
        begin("export");
        const auto& plan = plan_.plan;
        progress_.planned_bytes = plan.total_bytes();
        progress_.tables = static_cast<int>(plan.tables.size());
        progress_.loaded_bytes = 0;
        const auto done = done_so_far();
        for (const auto& [table, chunk] : done.tables) {
            progress_.loaded_bytes += plan.tables[static_cast<std::size_t>(table)]
                                          .chunks[static_cast<std::size_t>(chunk)]
                                          .bytes;
        }
        progress_.loaded_before_bytes = progress_.loaded_bytes.load();
        spdlog::info("{} tables, {:.1f} MB to export over {} streams into {}", plan.tables.size(),
                     static_cast<double>(plan.total_bytes()) / 1e6, options_.jobs, folder_.path());
        loader::WorkQueue queue(plan, done, {},
                                {options_.jobs, false, &progress_, [&] { keeper.release(); }, {}});
        run_streams(queue, keeper.exported());
        queue.rethrow();
        end(static_cast<std::uint64_t>(progress_.loaded_bytes - progress_.loaded_before_bytes));
    }

    void run_streams(loader::WorkQueue& queue, const std::string& exported) {
        std::mutex mutex;
        const loader::ExportSetup setup{
            {source_, plan_.plan, exported, session_job_, interrupt_},
            {folder_.path(), note_.export_id, static_cast<int>(plan_.snapshots.size())},
            progress_,
            truncated_since(plan_.snapshots.back()),
            sealed_,
            mutex};
        std::deque<loader::ExportLane> lanes;
        std::vector<std::jthread> threads;
        for (int i = 0; i < options_.jobs; ++i) lanes.emplace_back(i, setup, queue);
        for (auto& lane : lanes) threads.emplace_back([&lane] { lane.run(); });
    }

    std::function<bool(snapshot::Oid)> truncated_since(const std::string& visible) const {
        if (!capture_) return {};
        return [this, visible](snapshot::Oid table) {
            auto source = open("truncations");
            return delta::truncated_since(source, *site_, table, visible);
        };
    }

    /// A table that was truncated after the snapshot may be empty where others still refer to it.
    bool is_one_moment() const {
        if (!capture_) return true;
        std::set<std::uint32_t> used;
        for (const auto& [chunk, file] : sealed_.chunks) used.insert(file.snapshot);
        for (const auto& [part, file] : sealed_.large_objects) used.insert(file.snapshot);
        if (used.size() > 1) return false;
        const auto& first = plan_.snapshots[used.empty() ? 0 : *used.begin() - 1];
        auto source = open("truncations");
        return std::none_of(
            plan_.plan.tables.begin(), plan_.plan.tables.end(), [&](const auto& table) {
                return delta::truncated_since(source, *site_, table.info.oid, first);
            });
    }

    ExportResult finish() {
        begin("finish");
        snapshot::Manifest manifest;
        manifest.export_id = note_.export_id;
        // Sequences have no snapshot: read when the last row has been, they are never behind.
        retry(interrupt_, progress_, "sequences", [&] {
            auto source = open("sequences");
            manifest.sequences = loader::read_sequences(source, plan_.plan.sequences);
            manifest.one_moment = is_one_moment();
        });
        manifest.chunks = sealed_.chunks;
        manifest.large_objects = sealed_.large_objects;
        failpoint(Failpoint::export_before_manifest);
        folder_.finish(manifest);
        end();
        return result_of(manifest, false);
    }

    ExportResult result_of(const snapshot::Manifest& manifest, bool was_done_already) const {
        return {was_done_already,
                folder_.path(),
                static_cast<std::int64_t>(plan_.plan.tables.size()),
                manifest.rows(),
                manifest.raw_bytes(),
                manifest.file_bytes(),
                capture_,
                manifest.one_moment,
                steps_};
    }

    const Options& options_;
    io::Interrupt& interrupt_;
    io::RunProgress& progress_;
    const io::ConnInfo source_;
    const std::string session_job_;
    const bool capture_;
    const tbb::global_control threads_;
    ExportFolder folder_;
    ServerFacts facts_;
    snapshot::JobNote note_;
    snapshot::ExportPlan plan_;
    loader::SealedFiles sealed_;
    std::optional<delta::CaptureSite> site_;
    std::vector<StepTime> steps_;
    Clock::time_point began_;
};

}  // namespace

std::string export_sessions(const std::string& job) { return job + "+export"; }

ExportResult export_image(const Options& options, io::Interrupt& interrupt,
                          io::RunProgress& progress) {
    return Export(options, interrupt, progress).run();
}

}  // namespace pghaul::cmd
