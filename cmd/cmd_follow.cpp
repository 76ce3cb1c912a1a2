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

// Between windows that hold nothing: soon enough for a lag below a second.
constexpr int kIdleMs = 200;
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
    auto next_look = std::chrono::steady_clock::now() + kSchemaLook;
    for (;;) {
        if (catch_up.apply_window().rows == 0) run.interrupt.sleep_ms(kIdleMs);
        if (std::chrono::steady_clock::now() < next_look) continue;
        if (!find_drift(run).made.empty()) return;
        next_look = std::chrono::steady_clock::now() + kSchemaLook;
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
    in_session(options, interrupt, progress, "changes that are applied stay applied", [&] {
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
