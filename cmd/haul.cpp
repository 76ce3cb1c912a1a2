#include "cmd/haul.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/global_control.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "cmd/deadline.hpp"
#include "cmd/hazards.hpp"
#include "io/failpoint.hpp"
#include "loader/foreign_keys.hpp"
#include "loader/lane.hpp"
#include "loader/large_objects.hpp"
#include "loader/parallel.hpp"
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
using snapshot::Phase;

using Clock = std::chrono::steady_clock;

// A source that loses its snapshot again and again needs a person, not another try.
constexpr int kSnapshotsPerRun = 3;
// Before anything has begun, a lock in the way is better named soon than waited for.
constexpr std::chrono::seconds kProbeLockTimeout{10};

class Haul {
  public:
    Haul(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress)
        : options_(options),
          interrupt_(interrupt),
          progress_(progress),
          deadline_(options.deadline(std::chrono::system_clock::now())),
          source_(io::ConnInfo::parse(options.source)),
          target_(io::ConnInfo::parse(options.target)),
          journal_(snapshot::Journal::open(target_, options.job, interrupt)) {}

    HaulResult run() {
        take_job();
        if (phase_ < Phase::copied) {
            copy_everything();
        } else {
            plan_ = journal_.read_plan();
        }
        if (options_.until == Until::copied) return result();
        if (phase_ < Phase::indexed) {
            finish_tables_left();
            make_rest_of_schema();
            advance(Phase::indexed);
        }
        if (phase_ < Phase::done) {
            update_statistics();
            failpoint(Failpoint::done_before_phase);
            advance(Phase::done);
        }
        return result();
    }

  private:
    // --- the job: is it ours, is it new, does it fit what was asked for ---

    void take_job() {
        journal_.lock();
        probe_ = open_source("plan", kProbeLockTimeout);
        facts_ = check_servers(*probe_, journal_.connection(), options_, interrupt_);
        const auto record = journal_.find();
        if (record) {
            check_same_job(*record);
            phase_ = record->phase;
            resumed_ = true;
        }
        // Until the schema is begun, nothing in the target is ours.
        if (phase_ < Phase::copied) check_hazards(phase_ == Phase::created);
        if (!record) {
            journal_.create();
            journal_.insert({options_.job,
                             PGHAUL_VERSION,
                             source_.display(),
                             facts_.source_identity,
                             settings(),
                             Phase::created,
                             0,
                             runner(),
                             {},
                             {},
                             {},
                             false});
            failpoint(Failpoint::journal_created);
        }
        journal_.begin_run(runner(), PGHAUL_VERSION);
        if (resumed_) {
            spdlog::info("job {} goes on at phase {} (begun {})", options_.job,
                         snapshot::name_of(phase_), record->created_at);
        }
        if (options_.restart_copy && phase_ >= Phase::copied) {
            spdlog::warn("the copy is complete, so --restart-copy has nothing to restart");
        }
    }

    void check_same_job(const snapshot::JobRecord& record) {
        if (record.source_identity != facts_.source_identity) {
            throw Error(fmt::format("job {} in this target copies from {}, which is not the given "
                                    "source",
                                    record.job, record.source))
                .exit_code(ExitCode::no_go)
                .hint(
                    "give that source, another --job and an empty target, or begin anew after "
                    "pghaul drop");
        }
        if (record.settings != settings()) {
            throw Error(
                fmt::format("job {} was begun with other choices: {}", record.job, record.settings))
                .exit_code(ExitCode::no_go)
                .hint(
                    "use the same -n -N -t -T, --no-owner and --no-privileges, or begin anew "
                    "with an empty target after pghaul drop");
        }
    }

    void check_hazards(bool check_target_empty) {
        const auto chosen = snapshot::select_relations(*probe_, options_.selection);
        const auto catalog = snapshot::read_catalog(*probe_, chosen);
        const auto hazards =
            find_hazards(*probe_, journal_.connection(), options_, chosen, catalog, check_target_empty);
        refuse_if_no_go(hazards);
        for (const auto& hazard : hazards) {
            if (hazard.weight == Hazard::Weight::warning) {
                spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
            }
        }
    }

    // --- the image: one snapshot, the plan, the schema, all rows ---

    void copy_everything() {
        for (int attempt = 1;; ++attempt) {
            const auto loaded = journal_.loaded();
            if (!loaded.empty() && !options_.restart_copy && journal_.missing_chunks() == 0) {
                // Stopped after the last chunk: the source's rows are not needed any more.
                plan_ = journal_.read_plan();
                set_sequences();
                break;
            }
            const bool keep = !loaded.empty() && !options_.restart_copy;
            if (keep && !options_.source_is_quiet) refuse_to_mix_moments({});
            try {
                copy_from_one_snapshot(keep, loaded);
                break;
            } catch (const snapshot::SnapshotLost& lost) {
                const bool mixes = !options_.source_is_quiet && !journal_.loaded().empty();
                if (mixes) refuse_to_mix_moments(lost.what());
                if (attempt == kSnapshotsPerRun) {
                    throw Error(fmt::format("{}, {} times in this run", lost.what(), attempt))
                        .exit_code(ExitCode::stopped)
                        .hint("look into the source's log for what ends its sessions, then run "
                              "again to go on");
                }
                spdlog::warn("{}; going on with a new one", lost.what());
            }
        }
        // The phase says that every mark is there: it reads them back rather than believe us.
        if (const auto missing = journal_.missing_chunks(); missing > 0) {
            throw Error(fmt::format("{} chunks are not in the target although they were loaded: it "
                                    "lost commits",
                                    missing))
                .exit_code(ExitCode::stopped)
                .hint("was the target restarted with fsync or full_page_writes off? run again");
        }
        failpoint(Failpoint::copied_before_phase);
        advance(Phase::copied);
    }

    void copy_from_one_snapshot(bool keep, const snapshot::LoadedChunks& loaded) {
        begin_step("snapshot");
        snapshot::Keeper keeper(source_, options_.job, options_.selection, interrupt_);
        failpoint(Failpoint::snapshot_exported);
        if (keep) {
            plan_ = journal_.read_plan();
            adopt_catalog(keeper.catalog());
        } else {
            make_plan_and_schema(keeper);
        }
        const int number = journal_.add_snapshot(keeper.visible());
        end_step();
        log_plan();

        begin_step("copy");
        copy_rows(keeper, number, keep ? loaded : snapshot::LoadedChunks{});
        end_step(progress_.loaded_bytes - progress_.loaded_before_bytes);
    }

    void make_plan_and_schema(snapshot::Keeper& keeper) {
        drop_earlier_attempt();
        archive_ = loader::dump_schema(facts_.tools, source_, keeper.exported(), schema_options(),
                                       interrupt_);
        plan_ = snapshot::make_plan(keeper.connection(), std::move(keeper.catalog()),
                                    {options_.jobs, options_.chunk_bytes, options_.format,
                                     options_.freeze, facts_.integer_datetimes, true});
        // As in pg_dump, large objects come along unless the user chose schemas or tables.
        if (options_.selection.schemas.empty() && options_.selection.tables.empty()) {
            plan_.large_objects = loader::cut_large_objects(keeper.connection());
        }
        for (const auto& hazard : plan_hazards(plan_, probe_->server_major())) {
            spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
        }
        if (phase_ > Phase::schema) {
            journal_.forget_plan();
            phase_ = Phase::schema;
        } else {
            advance(Phase::schema);
        }
        journal_.store_plan(plan_, archive_);
        failpoint(Failpoint::plan_recorded);
        end_step();

        begin_step("schema");
        failpoint(Failpoint::schema_before);
        loader::restore_pre_data(facts_.tools, archive_, target_, schema_options(),
                                 {false, 0, mark("schema")}, interrupt_);
        failpoint(Failpoint::schema_after);
        advance(Phase::copying);
        end_step();
        begin_step("snapshot");
    }

    /// Drops what an unfinished copy that starts again has made: by its own journal and archive,
    /// since the source may look different now, and nothing that stood in the target before.
    void drop_earlier_attempt() {
        const auto steps = journal_.steps();
        const auto made = steps.find("schema");
        if (made == steps.end()) return;
        drop_planned_tables();
        loader::drop_pre_data(facts_.tools, journal_.read_archive(), target_, schema_options(),
                              {made->second.entries_done, made->second.finished}, interrupt_);
    }

    /// Tables of an unfinished copy that starts again: what depends on them goes with them.
    void drop_planned_tables() {
        auto& target = journal_.connection();
        std::string names;
        std::size_t count = 0;
        const auto old = journal_.read_plan();
        const auto flush = [&] {
            if (!names.empty()) {
                target.execute({"drop_tables", "drop table if exists " + names + " cascade"});
            }
            names.clear();
        };
        for (const auto& table : old.tables) {
            if (table.info.kind == snapshot::TableKind::extension_config) continue;
            names += (names.empty() ? "" : ", ") + table.info.qualified();
            if (++count % 100 == 0) flush();
        }
        flush();
        const auto loaded = journal_.loaded().large_objects;
        for (const auto& objects : old.large_objects) {
            if (!loaded.contains(objects.number)) continue;  // then those there are not ours
            target.query({"drop_large_objects", R"sql(
                             select pg_catalog.lo_unlink(m.oid)
                               from pg_catalog.pg_largeobject_metadata as m
                              where m.oid between $1::pg_catalog.oid and $2::pg_catalog.oid
                         )sql"},
                         {std::to_string(objects.first), std::to_string(objects.last)});
        }
    }

    /// A resumed copy reads the same tables; that none came or went is all that can be checked of
    /// the promise that the source is quiet.
    void adopt_catalog(const snapshot::Catalog& catalog) {
        std::map<snapshot::Oid, const snapshot::TableInfo*> now;
        for (const auto& table : catalog.tables) now[table.oid] = &table;
        for (auto& table : plan_.tables) {
            const auto found = now.find(table.info.oid);
            if (found == now.end() || found->second->qualified() != table.info.qualified()) {
                refuse_changed_source(table.info.display());
            }
            // A rewritten heap has its rows at other addresses.
            if (table.method == snapshot::Method::ctid_ranges &&
                table.info.filenode != found->second->filenode) {
                refuse_changed_source(table.info.display());
            }
            table.info.filenode = found->second->filenode;
            now.erase(found);
        }
        if (!now.empty()) refuse_changed_source(now.begin()->second->display());
    }

    [[noreturn]] void refuse_changed_source(const std::string& table) {
        throw Error("the source is not quiet: " + table +
                    " was made, dropped, renamed or rewritten "
                    "since the copy began")
            .exit_code(ExitCode::no_go)
            .hint("start again with --restart-copy");
    }

    [[noreturn]] void refuse_to_mix_moments(const std::string& why) {
        const auto totals = journal_.totals();
        std::string begun;
        for (const auto& [table, chunks] : journal_.partly_loaded()) {
            begun += fmt::format("{}{} ({})", begun.empty() ? "; in part: " : ", ", table, chunks);
        }
        throw Error(
            fmt::format("{}{} of {} tables were loaded as of a snapshot of {} that is gone{}; the "
                        "others could only be copied as of a later moment",
                        why.empty() ? "" : why + "; ", totals.tables_loaded, totals.tables,
                        totals.first_snapshot_at, begun))
            .exit_code(ExitCode::no_go)
            .hint(
                "--restart-copy throws away what is loaded and starts again with one snapshot; "
                "--source-is-quiet goes on, if you vouch that nothing changed on the source "
                "since then");
    }

    void copy_rows(snapshot::Keeper& keeper, int snapshot_number,
                   const snapshot::LoadedChunks& loaded) {
        for (const auto& [table, chunk] : loaded.tables) {
            progress_.loaded_bytes += plan_.tables[static_cast<std::size_t>(table)]
                                          .chunks[static_cast<std::size_t>(chunk)]
                                          .bytes;
        }
        progress_.loaded_before_bytes = progress_.loaded_bytes.load();
        loader::WorkQueue queue(plan_, loaded, journal_.finished_tables(),
                                {options_.jobs, options_.until != Until::copied, &progress_, [&] {
                                     set_sequences();
                                     keeper.release();
                                 }});
        run_streams(queue, keeper.exported(), snapshot_number);
        queue.rethrow();
        if (!queue.all_copied() || !(options_.until == Until::copied || queue.all_done())) {
            stop_early();
        }
    }

    void finish_tables_left() {
        if (phase_ > Phase::copied || journal_.finished_tables().size() == plan_.tables.size())
            return;
        begin_step("indexes");
        loader::WorkQueue queue(plan_, journal_.loaded(), journal_.finished_tables(),
                                {options_.jobs, true, &progress_, [] {}});
        run_streams(queue, {}, 0);
        queue.rethrow();
        if (!queue.all_done()) stop_early();
        end_step();
    }

    void run_streams(loader::WorkQueue& queue, const std::string& exported, int snapshot_number) {
        const auto slots = static_cast<std::size_t>(2 * options_.jobs + 1);
        const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, slots);
        const loader::LaneSetup setup{source_,
                                      target_,
                                      plan_,
                                      exported,
                                      {options_.job, journal_.run(), snapshot_number},
                                      progress_,
                                      interrupt_,
                                      facts_.maintenance_work_mem_kb,
                                      options_.no_owner,
                                      options_.no_privileges};
        const Alarm alarm(deadline_, [&] { queue.stop(); });
        std::deque<loader::Lane> lanes;
        std::vector<std::jthread> threads_of_lanes;
        for (int i = 0; i < options_.jobs; ++i) lanes.emplace_back(i, setup, queue);
        for (auto& lane : lanes) threads_of_lanes.emplace_back([&lane] { lane.run(); });
    }

    // --- what hangs on the tables ---

    /// Sequences have no snapshot: read when the last row has been, they are never behind the rows.
    void set_sequences() {
        failpoint(Failpoint::sequences_before);
        auto source = open_source("sequences");
        auto target = open_target("sequences");
        loader::set_sequences(source, target, plan_.sequences);
        failpoint(Failpoint::sequences_after);
    }

    void make_rest_of_schema() {
        if (archive_.empty()) archive_ = journal_.read_archive();
        std::set<snapshot::Oid> built;
        for (const auto& table : plan_.tables) {
            for (const auto& index : table.info.indexes) {
                built.insert(index.oid);
                if (index.constraint_oid != 0) built.insert(index.constraint_oid);
            }
        }
        for (const auto& key : plan_.foreign_keys) built.insert(key.oid);

        failpoint(Failpoint::rest_before);
        once("rest of the indexes", [&](const std::string& name, std::int64_t entries_done) {
            loader::restore_rest(facts_.tools, archive_, target_, schema_options(),
                                 loader::RestPart::indexes, built,
                                 {false, entries_done, mark(name)}, interrupt_);
        });
        once("foreign keys", [&](const std::string&, std::int64_t) {
            loader::make_foreign_keys(
                plan_.foreign_keys, journal_,
                [&](const std::string& role) { return open_target(role); }, options_.jobs,
                progress_);
        });
        once("rest of the schema", [&](const std::string& name, std::int64_t entries_done) {
            loader::restore_rest(facts_.tools, archive_, target_, schema_options(),
                                 loader::RestPart::others, built, {false, entries_done, mark(name)},
                                 interrupt_);
        });
        failpoint(Failpoint::rest_after);
        once("materialized views", [&](const std::string&, std::int64_t) {
            auto target = open_target("refresh");
            for (const auto& view : plan_.materialized_views) refresh(target, view);
            failpoint(Failpoint::views_refreshed);
        });
    }

    /// A view that can't be filled could not be on the source either: that is a problem of its own.
    void refresh(Connection& target, const std::string& view) {
        const std::string subject = "materialized view " + view;
        try {
            target.execute({"refresh_view", "refresh materialized view " + view});
            target.execute({"analyze_view", "analyze " + view});
            journal_.forget_problem(subject);
        } catch (const Error& error) {
            if (error.poisons_connection() || error.retryable()) throw;
            journal_.note_problem(subject,
                                  fmt::format("{}; the view is not filled; mend the cause, "
                                              "then: refresh materialized view {}",
                                              error.what(), view));
        }
    }

    void update_statistics() {
        once("statistics", [&](const std::string&, std::int64_t) {
            loader::for_each_parallel(
                plan_.partition_roots.size(), options_.jobs, "analyze",
                [&](const std::string& role) { return open_target(role); }, progress_,
                [&](std::size_t i) { return "analyze " + plan_.partition_roots[i]; },
                [&](Connection& target, std::size_t i) {
                    target.execute({"analyze", "analyze " + plan_.partition_roots[i]});
                });
        });
    }

    // --- small things ---

    /// Runs a step unless the journal says that it is finished.
    template <typename Body>
    void once(const std::string& name, Body body) {
        const auto steps = journal_.steps();
        const auto found = steps.find(name);
        if (found != steps.end() && found->second.finished) return;
        if (deadline_ && std::chrono::system_clock::now() >= *deadline_) stop_early();
        begin_step(name);
        body(name, found == steps.end() ? 0 : found->second.entries_done);
        end_step();
    }

    loader::RestoreMark mark(const std::string& step) {
        return [this, step](Connection& target, const loader::RestoreProgress& progress) {
            snapshot::mark_step(target, options_.job, step, progress.entries_done,
                                progress.finished);
        };
    }

    void begin_step(const std::string& name) {
        step_ = name;
        step_began_ = Clock::now();
        progress_.begin_step(name);
        spdlog::debug("step: {}", name);
    }

    void end_step(std::int64_t bytes = 0) {
        const double seconds = std::chrono::duration<double>(Clock::now() - step_began_).count();
        journal_.add_step(step_, seconds, true);
        const auto same = std::find_if(steps_.begin(), steps_.end(),
                                       [&](const StepTime& step) { return step.name == step_; });
        if (same != steps_.end()) {
            same->seconds += seconds;
            same->bytes += bytes;
        } else {
            steps_.push_back({step_, seconds, bytes});
        }
    }

    void advance(Phase phase) {
        journal_.set_phase(phase);
        phase_ = phase;
    }

    void log_plan() {
        std::int64_t chunks = 0;
        for (const auto& table : plan_.tables)
            chunks += static_cast<std::int64_t>(table.chunks.size());
        progress_.planned_bytes = plan_.total_bytes();
        progress_.tables = static_cast<int>(plan_.tables.size());
        spdlog::info("{} tables, {} chunks, {:.1f} MB to copy over {} streams", plan_.tables.size(),
                     chunks, static_cast<double>(plan_.total_bytes()) / 1e6, options_.jobs);
    }

    [[noreturn]] void stop_early() {
        const auto totals = journal_.totals();
        throw Error(fmt::format("the time is up: {} of {} chunks loaded, {} of {} tables finished",
                                totals.chunks_loaded, totals.chunks, totals.tables_finished,
                                totals.tables))
            .exit_code(ExitCode::stopped)
            .hint("run the same command again to go on");
    }

    HaulResult result() {
        const auto totals = journal_.totals();
        HaulResult result{resumed_ && steps_.empty(), totals.tables, totals.rows,
                          totals.sent_bytes,          steps_,        {}};
        for (const auto& problem : journal_.problems()) {
            result.problems.emplace_back(problem.subject, problem.message);
        }
        return result;
    }

    loader::SchemaOptions schema_options() const {
        return {options_.selection, options_.no_owner, options_.no_privileges,
                facts_.no_tablespaces, options_.job};
    }

    /// What must stay the same when a job goes on.
    std::string settings() const {
        const auto& selection = options_.selection;
        return fmt::format(
            "-n {} -N {} -t {} -T {}{}{}", io::array_literal(selection.schemas),
            io::array_literal(selection.exclude_schemas), io::array_literal(selection.tables),
            io::array_literal(selection.exclude_tables), options_.no_owner ? " --no-owner" : "",
            options_.no_privileges ? " --no-privileges" : "");
    }

    static std::string runner() {
        std::array<char, 256> host{};
        ::gethostname(host.data(), host.size() - 1);
        return fmt::format("{} on {}", ::getpid(), host.data());
    }

    Connection open_source(const std::string& role, std::chrono::milliseconds lock_timeout =
                                                        std::chrono::seconds(60)) const {
        return Connection::open(source_, {options_.job, role, "UTF8", lock_timeout, {}},
                                interrupt_);
    }
    Connection open_target(const std::string& role) const {
        return Connection::open(
            target_,
            {options_.job,
             role,
             "UTF8",
             std::chrono::minutes(10),
             {{"maintenance_work_mem", fmt::format("{}kB", facts_.maintenance_work_mem_kb)}}},
            interrupt_);
    }

    const Options& options_;
    io::Interrupt& interrupt_;
    io::RunProgress& progress_;
    std::optional<std::chrono::system_clock::time_point> deadline_;
    io::ConnInfo source_;
    io::ConnInfo target_;
    snapshot::Journal journal_;
    std::optional<Connection> probe_;
    ServerFacts facts_;
    Phase phase_ = Phase::created;
    bool resumed_ = false;
    snapshot::Plan plan_;
    std::string archive_;
    std::string step_;
    Clock::time_point step_began_;
    std::vector<StepTime> steps_;
};

}  // namespace

HaulResult haul(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress) {
    return Haul(options, interrupt, progress).run();
}

}  // namespace pghaul::cmd
