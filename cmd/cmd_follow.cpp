#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "cmd/commands.hpp"
#include "cmd/drift.hpp"
#include "cmd/job_claim.hpp"
#include "cmd/live.hpp"
#include "cmd/new_tables.hpp"
#include "cmd/session.hpp"

namespace pghaul::cmd {
namespace {

// Windows are opened so far apart at least: soon enough for a lag far below a second, and seldom
// enough that what each of them costs whatever it holds (a few ms on both servers) does not add up.
constexpr std::chrono::milliseconds kWindowEvery{200};
// How soon a new table or partition is noticed.
constexpr std::chrono::seconds kSchemaLook{10};

/// New tables are taken over; what was altered is said, and stops cutover.
void look_at_schema(RunContext& run, Steps& steps) {
    take_over_new_tables(run, steps);
    for (const auto& what : find_drift(run).altered) {
        spdlog::warn(
            "altered on the source since the copy: {}\nHINT: cutover refuses until that is "
            "undone",
            what);
    }
}

void follow_until_tables_are_made(RunContext& run, delta::CatchUp& catch_up) {
    using Clock = std::chrono::steady_clock;
    auto next_look = Clock::now() + kSchemaLook;
    for (;;) {
        const auto next_window = Clock::now() + kWindowEvery;
        catch_up.apply_window();
        if (Clock::now() >= next_look) {
            if (!find_drift(run).made.empty()) return;
            next_look = Clock::now() + kSchemaLook;
        }
        const auto pause =
            std::chrono::duration_cast<std::chrono::milliseconds>(next_window - Clock::now());
        if (pause.count() > 0) run.interrupt.sleep_ms(static_cast<int>(pause.count()));
    }
}

void print(const Options& options, const io::RunProgress& progress) {
    if (options.json) {
        fmt::print("{}\n", nlohmann::json({{"job", options.job},
                                           {"changes", progress.delta_rows.load()},
                                           {"lag_ms", progress.lag_ms.load()}})
                               .dump(2));
        return;
    }
    fmt::print("job {}: {} changes applied, the target is {:.1f} s behind\n", options.job,
               progress.delta_rows.load(), static_cast<double>(progress.lag_ms.load()) / 1000);
}

}  // namespace

io::ExitCode run_follow(const Options& options, io::Interrupt& interrupt) {
    spdlog::info("{}", options.effective());
    io::RunProgress progress;
    in_session(options, interrupt, progress, options.job,
               "changes that are applied stay applied; see pghaul status", [&] {
                   RunContext run(options, interrupt, progress);
                   Steps steps(run);
                   claim_live_job(run);
                   capture_source(run, steps);
                   for (;;) {
                       look_at_schema(run, steps);
                       progress.begin_step("follow");
                       auto catch_up = begin_catch_up(run, interrupt);
                       if (options.until_current) {
                           catch_up->until_current([] { return false; });
                           return;
                       }
                       follow_until_tables_are_made(run, *catch_up);
                   }
               });
    print(options, progress);
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
