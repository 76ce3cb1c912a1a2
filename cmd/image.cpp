#include "cmd/image.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <set>
#include <utility>

#include "cmd/earlier_copy.hpp"
#include "cmd/live.hpp"
#include "cmd/prove.hpp"
#include "cmd/retry.hpp"
#include "cmd/source_schema.hpp"
#include "cmd/spool.hpp"
#include "cmd/streams.hpp"
#include "cmd/target_schema.hpp"
#include "delta/target_guards.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "loader/large_objects.hpp"
#include "snapshot/claims.hpp"
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
            const bool may_mix = run_.options.source_is_quiet || run_.capture;
            const auto files = spooled_earlier(run_, loaded, may_mix);
            const bool keep = (!loaded.empty() || !files.empty()) && !run_.options.restart_copy;
            const auto missing = keep ? journal_.missing_chunks() : -1;
            if (missing == 0) {
                // Stopped after the last chunk: the source's rows are not needed any more.
                run_.plan = journal_.read_plan();
                set_sequences(run_);
                read_back_rest(loaded);
                break;
            }
            const bool all_read = missing == static_cast<std::int64_t>(files.size());
            if (keep && !all_read && !may_mix) refuse_to_mix_moments(journal_, {});
            try {
                if (all_read) {
                    load_files(loaded, files);
                } else {
                    copy_from_one_snapshot(keep, loaded, files);
                }
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

    void copy_from_one_snapshot(bool keep, const snapshot::LoadedChunks& loaded,
                                const loader::SpoolFiles& files) {
        steps_.begin("snapshot");
        const auto began = std::chrono::steady_clock::now();
        SourceSchema schema(run_.facts.tools, run_.source, run_.schema_options(), run_.interrupt);
        snapshot::Keeper keeper(
            run_.source, run_.options.job, run_.options.selection, !run_.capture, run_.interrupt,
            [&](const std::string& exported) {
                if (!keep) schema.begin(exported, true);
            },
            std::exchange(run_.tables_seen, {}));
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
            make_plan(keeper, schema);
            steps_.end();
            make_schema(schema);
            steps_.begin("snapshot");
        }
        // Marks what nobody wants to be read back: before workers come, who mark tables, too.
        tables_to_read_back(run_);
        int number = 0;
        // A table of two moments gets its indexes only when the changes are in (invariant 5).
        const bool with_indexes = run_.options.until != Until::copied && !(keep && run_.capture);
        retry(run_, "snapshot", [&] {
            number = journal_.add_snapshot(keeper.visible());
            snapshot::share_snapshot(journal_.connection(), run_.options.job, number,
                                     keeper.exported(), with_indexes);
        });
        steps_.end();
        copy_rows({keeper.exported(), number, keeper.visible()},
                  keep ? loaded : snapshot::LoadedChunks{}, spool_rules(run_, files), [&] {
                      set_sequences(run_);
                      withdraw_snapshot(number);
                      keeper.release();
                      note_lifetime(std::chrono::steady_clock::now() - began);
                  });
    }

    /// Workers can't import it any more. Called by a stream.
    void withdraw_snapshot(int number) {
        retry(run_, "snapshot", [&] {
            auto target = run_.open_target("snapshot");
            snapshot::share_snapshot(target, run_.options.job, number, {}, false);
        });
    }

    /// Every row has left the source already.
    void load_files(const snapshot::LoadedChunks& loaded, const loader::SpoolFiles& files) {
        run_.plan = journal_.read_plan();
        loader::SpoolRules rules;
        rules.files = files;
        copy_rows({}, loaded, rules, [&] { set_sequences(run_); });
    }

    void note_lifetime(std::chrono::steady_clock::duration lifetime) {
        const std::int64_t ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(lifetime).count();
        run_.progress.snapshot_ms = std::max(run_.progress.snapshot_ms.load(), ms);
    }

    void read_back_rest(const snapshot::LoadedChunks& loaded) {
        const auto left = tables_to_read_back(run_);
        if (left.empty()) return;
        steps_.begin("read back");
        loader::WorkQueue queue(run_.plan, loaded, {},
                                {run_.options.jobs, false, &run_.progress, [] {}, left});
        run_streams(run_, queue, {}, {});
        if (!queue.all_copied()) stop_early(run_);
        steps_.end();
    }

    void make_plan(snapshot::Keeper& keeper, SourceSchema& schema) {
        const auto& options = run_.options;
        run_.plan =
            snapshot::make_plan(keeper.connection(), std::move(keeper.catalog()),
                                {options.jobs, options.chunk_bytes, options.format, options.freeze,
                                 run_.facts.integer_datetimes, !run_.capture, run_.capture});
        run_.plan.selection = options.selection;
        // As in pg_dump, large objects come along unless the user chose schemas or tables.
        if (options.selection.schemas.empty() && options.selection.tables.empty()) {
            run_.plan.large_objects = loader::cut_large_objects(keeper.connection());
        }
        const auto hazards = plan_hazards(run_.plan, keeper.connection().server_major());
        for (const auto& hazard : hazards) {
            spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
        }
        if (run_.phase > Phase::schema) {
            journal_.forget_plan();
            run_.phase = Phase::schema;
        } else {
            run_.advance(Phase::schema);
        }
        journal_.store_plan(run_.plan,
                            [&] { return run_.schema_archive = schema.archive(keeper); });
        note_hazards(journal_, "plan", hazards);
        failpoint(Failpoint::plan_recorded);
    }

    void make_schema(SourceSchema& schema) {
        const auto script = schema.pre_data();
        steps_.once_from_mark("schema", [&](const loader::RestoreOptions& from) {
            failpoint(Failpoint::schema_before);
            loader::run_script(script, run_.target, run_.options.job,
                               run_.options.selection.everything(), from, run_.interrupt);
            failpoint(Failpoint::schema_after);
        });
        run_.post_data = schema.post_data();
        run_.advance(Phase::copying);
    }

    void announce_plan() {
        const auto& plan = run_.plan;
        std::int64_t chunks = 0;
        for (const auto& table : plan.tables) {
            chunks += static_cast<std::int64_t>(table.chunks.size());
        }
        spdlog::info("{} tables, {} chunks, {:.1f} MB to copy over {} streams", plan.tables.size(),
                     chunks, static_cast<double>(plan.total_bytes()) / 1e6, run_.options.jobs);
    }

    /// on_all_read: when nothing is needed of the source's snapshot any more.
    void copy_rows(const SnapshotInHand& snapshot, const snapshot::LoadedChunks& loaded,
                   const loader::SpoolRules& spool, const std::function<void()>& on_all_read) {
        announce_plan();
        steps_.begin("copy");
        begin_counting(run_.progress, run_.plan, loaded);
        const bool finish_too = run_.options.until != Until::copied;
        auto not_to_finish = journal_.finished_tables();
        if (run_.capture) not_to_finish.merge(tables_of_two_moments(loaded, spool.files));
        loader::WorkQueue::Options options{
            run_.options.jobs,         finish_too, &run_.progress, on_all_read,
            tables_to_read_back(run_), spool};
        options.foreign_keys = keys_hold(loaded, spool.files);
        loader::WorkQueue queue(run_.plan, loaded, not_to_finish, std::move(options));
        run_streams(run_, queue, snapshot, truncated_since(run_, snapshot.visible));
        run_.analyzed.merge(queue.analyzed());
        if (!queue.all_copied() || (finish_too && !queue.all_done())) stop_early(run_);
        steps_.end(run_.progress.loaded_bytes - run_.progress.loaded_before_bytes);
    }

    /// Whether foreign keys can be made while rows are copied. Of an image of several moments they
    /// hold when the changes are in; and where the session that applies these may not switch keys
    /// off, they come last.
    bool keys_hold(const snapshot::LoadedChunks& loaded, const loader::SpoolFiles& files) {
        if (!run_.capture) return true;
        if (!loaded.empty() || !files.empty()) return false;
        auto target = run_.open_target("guards");
        return delta::detect_apply_mode(target) == delta::ApplyMode::replica;
    }

    /// Begun in an earlier snapshot and not complete: such a table may violate its unique indexes
    /// until the changes are applied (invariant 5).
    std::set<int> tables_of_two_moments(const snapshot::LoadedChunks& loaded,
                                        const loader::SpoolFiles& files) const {
        std::map<int, std::size_t> chunks;
        for (const auto& [table, chunk] : loaded.tables) ++chunks[table];
        std::set<int> mixed;
        for (const auto& [table, count] : chunks) {
            if (count < run_.plan.tables[static_cast<std::size_t>(table)].chunks.size()) {
                mixed.insert(table);
            }
        }
        // What waits in files is of an earlier snapshot, too.
        for (const auto& [key, file] : files) {
            if (run_.plan.tables[static_cast<std::size_t>(key.first)].chunks.size() > 1) {
                mixed.insert(key.first);
            }
        }
        mixed.merge(journal_.mixed_tables());
        return mixed;
    }

    RunContext& run_;
    Steps& steps_;
    snapshot::Journal& journal_;
};

}  // namespace

void copy_image(RunContext& run, Steps& steps) { Image(run, steps).copy(); }

}  // namespace pghaul::cmd
