#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "cmd/commands.hpp"
#include "cmd/drift.hpp"
#include "cmd/job_claim.hpp"
#include "cmd/large_objects.hpp"
#include "cmd/live.hpp"
#include "cmd/new_tables.hpp"
#include "cmd/pause.hpp"
#include "cmd/prove.hpp"
#include "cmd/session.hpp"
#include "cmd/target_schema.hpp"
#include "delta/capture.hpp"
#include "delta/cutover.hpp"
#include "delta/fence.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;
using io::ExitCode;
using std::chrono::milliseconds;

struct Outcome {
    bool was_done_already = false;
    milliseconds pause{0};
    delta::CutoverResult fence;
    std::vector<snapshot::Problem> problems;
};

milliseconds since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
}

class Cutover {
  public:
    Cutover(RunContext& run, Steps& steps) : run_(run), steps_(steps), pause_(run.interrupt) {}

    Outcome cut_over() {
        Outcome outcome;
        const auto record = run_.journal.find();
        const bool fenced = is_fenced();
        if (record->cut_over && fenced) {
            outcome.was_done_already = true;
            outcome.pause = milliseconds(record->cutover_pause_ms);
        } else {
            move(outcome, fenced);
        }
        settle(outcome);
        return outcome;
    }

    void undo() {
        const bool fenced = is_fenced();
        auto source = run_.open_source("cutover");
        if (run_.site) delta::lift_fence(source, *run_.site, run_.interrupt);
        run_.journal.mark_cutover(std::nullopt);
        if (run_.options.json) {
            const nlohmann::json all = {{"job", run_.options.job}, {"fence_lifted", fenced}};
            fmt::print("{}\n", all.dump(2));
        } else if (fenced) {
            fmt::print(
                "the fence is lifted: the source {} takes writes again\n"
                "rows that were written to the target since the cutover stay there\n",
                source.server_name());
        } else {
            fmt::print("no fence stands on the source {}: nothing to undo\n", source.server_name());
        }
    }

  private:
    bool is_fenced() {
        auto source = run_.open_source("cutover");
        run_.site = delta::find_site(source, run_.options.job);
        return run_.site && delta::fence_exists(source, *run_.site);
    }

    /// From locking writers out to a target that is ready for them. A fence that stands without its
    /// mark was left by a run that died behind it: what follows the fence is done again.
    void move(Outcome& outcome, bool fenced) {
        capture_source(run_, steps_);
        steps_.begin("cutover");
        const auto began = std::chrono::steady_clock::now();
        if (!fenced) {
            take_over_new_tables(run_, steps_);
            prove_tables(run_, steps_, false);
        }
        auto catch_up = begin_catch_up(run_, pause_.interrupt());
        delta::CutoverSetup setup{run_.source,
                                  run_.target,
                                  run_.plan,
                                  *run_.site,
                                  run_.options.job,
                                  moved_to(),
                                  run_.options.lock_timeout,
                                  run_.options.max_pause,
                                  [&](io::Connection& locker) {
                                      pause_.begin(run_.options.max_pause);
                                      check_for_drift(run_, locker);
                                  },
                                  [&] {
                                      set_sequences(run_);
                                      bring_large_objects(run_);
                                  },
                                  pause_.interrupt()};
        try {
            {
                auto source = run_.open_source("drift");
                check_for_drift(run_, source);
            }
            if (fenced) {
                catch_up->apply_window();
                setup.finish_data();
            } else {
                outcome.fence = delta::fence_off(setup, *catch_up);
            }
        } catch (const io::Interrupted&) {
            if (!pause_.expired()) throw;
            throw Error(
                fmt::format("the pause grew longer than {} ms", run_.options.max_pause.count()))
                .exit_code(ExitCode::stopped)
                .hint(
                    "the source is writable as before; cut over at a quieter time or raise "
                    "--max-pause");
        }
        pause_.end();
        catch_up->close();
        const auto fence_at = std::chrono::steady_clock::now();
        outcome.problems = delta::open_target(setup, *run_.apply_mode);
        outcome.pause = fenced ? since(began) : outcome.fence.pause + since(fence_at);
        io::failpoint(io::Failpoint::cutover_before_mark);
        run_.journal.mark_cutover(outcome.pause);
        steps_.end();
    }

    /// What need not be done while writers wait, and may be done again.
    void settle(Outcome& outcome) {
        if (run_.apply_mode == delta::ApplyMode::guarded) validate_foreign_keys(run_, steps_);
        refresh_views(run_, steps_);
        for (const auto& problem : outcome.problems) {
            run_.journal.note_problem(problem.subject, problem.message);
        }
        outcome.problems = run_.journal.problems();
    }

    std::string moved_to() const {
        if (!run_.options.moved_to.empty()) return run_.options.moved_to;
        return run_.journal.server_name();
    }

    RunContext& run_;
    Steps& steps_;
    Pause pause_;
};

void print(const Options& options, const RunContext& run, const Outcome& outcome) {
    if (options.json) {
        nlohmann::json problems = nlohmann::json::array();
        for (const auto& problem : outcome.problems) {
            problems.push_back({{"subject", problem.subject}, {"message", problem.message}});
        }
        const nlohmann::json all = {{"job", options.job},
                                    {"was_done_already", outcome.was_done_already},
                                    {"pause_ms", outcome.pause.count()},
                                    {"lock_wait_ms", outcome.fence.lock_wait.count()},
                                    {"attempts", outcome.fence.attempts},
                                    {"last_changes", outcome.fence.last_changes},
                                    {"problems", problems}};
        fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
        return;
    }
    if (outcome.was_done_already) {
        fmt::print("job {} was cut over already\n", options.job);
    } else {
        fmt::print(
            "job {} is cut over: writers were paused for {} ms ({} ms of it for locks, {} changes "
            "in "
            "it, {} attempts to lock)\nthe source {} refuses writes; point the application at {}\n"
            "back: pghaul cutover --undo; to clean up: pghaul drop\n",
            options.job, outcome.pause.count(), outcome.fence.lock_wait.count(),
            outcome.fence.last_changes, outcome.fence.attempts, run.source.display(),
            run.target.display());
    }
    for (const auto& problem : outcome.problems) {
        fmt::print("PROBLEM: {}: {}\n", problem.subject, problem.message);
    }
}

}  // namespace

io::ExitCode run_cutover(const Options& options, io::Interrupt& interrupt) {
    spdlog::info("{}", options.effective());
    io::RunProgress progress;
    bool clean = true;
    in_session(options, interrupt, progress, options.job,
               "the source is writable unless a fence stands; see pghaul status", [&] {
                   RunContext run(options, interrupt, progress);
                   Steps steps(run);
                   claim_live_job(run, true);
                   Cutover cutover(run, steps);
                   if (options.undo) {
                       cutover.undo();
                       return;
                   }
                   const auto outcome = cutover.cut_over();
                   clean = outcome.problems.empty();
                   print(options, run, outcome);
               });
    return clean ? ExitCode::done : ExitCode::failed;
}

}  // namespace pghaul::cmd
