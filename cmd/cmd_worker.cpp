// Joins a run that is going on elsewhere: loads chunks and builds indexes that it claims in the
// journal, out of the snapshot that the run holds. Comes and goes as it likes; the run alone
// decides when the job is further.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "cmd/commands.hpp"
#include "cmd/format.hpp"
#include "cmd/hazards.hpp"
#include "cmd/live.hpp"
#include "cmd/run_context.hpp"
#include "cmd/session.hpp"
#include "cmd/streams.hpp"
#include "cmd/via.hpp"
#include "delta/capture.hpp"
#include "loader/work_queue.hpp"
#include "snapshot/claims.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;
using snapshot::Phase;
using snapshot::SharedSnapshot;

constexpr int kLookMs = 500;

class Worker {
  public:
    explicit Worker(RunContext& run) : run_(run), journal_(run.journal) {}

    void work() {
        attach();
        std::optional<SharedSnapshot> lost;
        while (const auto snapshot = await_snapshot(lost)) {
            try {
                help(*snapshot);
                return;
            } catch (const snapshot::SnapshotLost& error) {
                spdlog::warn("{}; waiting for the run to take a new one", error.what());
            } catch (const Error& error) {
                // A run that takes the job over ends the sessions of the one before, ours too.
                if (!error.retryable() && error.exit_code() != io::ExitCode::stopped) throw;
                spdlog::warn("{}", error.report());
            }
            lost = snapshot;
        }
    }

  private:
    void attach() {
        const auto record = journal_.exists() ? journal_.find() : std::nullopt;
        if (!record) {
            throw Error("there is no job " + run_.options.job + " in " + journal_.server_name())
                .hint("check --target and --job; pghaul run begins a job, workers join it");
        }
        auto source = run_.open_source("plan");
        check_same_source(source, *record);
        check_compression(journal_.connection(), run_.options);
        run_.facts.maintenance_work_mem_kb =
            maintenance_share_kb(journal_.connection(), run_.options.jobs);
        run_.capture = record->capture;
        run_.job_id = record->job_id;
        if (run_.capture) run_.site = delta::find_site(source, run_.options.job);
        set_up_agents(run_);
    }

    /// Waits until the run has a snapshot other than `lost`. Returns nothing once the copy is over.
    /// Throws: io::Error (stopped) if nobody runs the job.
    std::optional<SharedSnapshot> await_snapshot(const std::optional<SharedSnapshot>& lost) {
        run_.progress.begin_step("wait for the run's snapshot");
        for (;; run_.interrupt.sleep_ms(kLookMs)) {
            const auto record = journal_.find();
            if (!record || record->phase >= Phase::copied) return std::nullopt;
            if (!journal_.is_running()) {
                throw Error("nobody runs job " + run_.options.job)
                    .exit_code(io::ExitCode::stopped)
                    .hint("a worker helps a run: start pghaul run, then the worker again");
            }
            if (record->phase < Phase::copying) continue;
            const auto shared = snapshot::shared_snapshot(journal_.connection(), run_.options.job);
            if (shared && shared != lost) return shared;
        }
    }

    void help(const SharedSnapshot& shared) {
        run_.plan = journal_.read_plan();
        const auto loaded = journal_.loaded();
        begin_counting(run_.progress, run_.plan, loaded);
        run_.progress.begin_step("copy");
        loader::WorkQueue::Options options;
        options.streams = run_.options.jobs;
        options.finish = shared.with_indexes;
        options.progress = &run_.progress;
        options.helper = true;
        // Small tables alone: the run reads the others back.
        for (const auto& [table, proof] : journal_.proofs()) {
            if (proof == snapshot::Proof::none) options.read_back[table] = 1;
        }
        loader::WorkQueue queue(run_.plan, loaded, journal_.finished_tables(), options);
        run_streams(run_, queue, {shared.exported, shared.number, shared.visible, shared.run},
                    truncated_since(run_, shared.visible));
        if (run_.time_is_up()) {
            throw Error("the time is up")
                .exit_code(io::ExitCode::stopped)
                .hint("the run and its other workers go on");
        }
    }

    RunContext& run_;
    snapshot::Journal& journal_;
};

void print(const Options& options, const io::RunProgress& progress) {
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    progress.for_each_stream([&](const io::StreamProgress& stream) {
        rows += stream.rows();
        bytes += stream.bytes();
    });
    if (options.json) {
        fmt::print(
            "{}\n",
            nlohmann::json({{"job", options.job}, {"rows", rows}, {"bytes", bytes}}).dump(2));
        return;
    }
    fmt::print("job {}: this worker brought {} rows, {}\n", options.job, rows,
               human_bytes(static_cast<double>(bytes)));
}

}  // namespace

io::ExitCode run_worker(const Options& options, io::Interrupt& interrupt) {
    spdlog::info("{}", options.effective());
    io::RunProgress progress;
    in_session(options, interrupt, progress, options.job,
               "what this worker had in hand is free for others", [&] {
                   RunContext run(options, interrupt, progress);
                   Worker(run).work();
               });
    print(options, progress);
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
