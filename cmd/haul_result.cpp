#include "cmd/haul_result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/format.hpp"

namespace pghaul::cmd {
namespace {

void print_json(const HaulResult& result) {
    nlohmann::json steps = nlohmann::json::array();
    for (const auto& step : result.steps) {
        steps.push_back({{"step", step.name}, {"seconds", step.seconds}, {"bytes", step.bytes}});
    }
    nlohmann::json problems = nlohmann::json::array();
    for (const auto& [subject, message] : result.problems) {
        problems.push_back({{"subject", subject}, {"message", message}});
    }
    const nlohmann::json all = {{"was_done_already", result.was_done_already},
                                {"tables", result.tables},
                                {"rows", result.rows},
                                {"bytes", result.bytes},
                                {"spooled_bytes", result.spooled_bytes},
                                {"snapshot_ms", result.snapshot_ms},
                                {"steps", steps},
                                {"problems", problems}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const Options& options, const HaulResult& result) {
    if (result.was_done_already) fmt::print("job {} was done already\n", options.job);
    if (!result.steps.empty()) {
        double total = 0;
        fmt::print("{:<22} {:>12} {:>12}\n", "step", "time", "throughput");
        for (const auto& step : result.steps) {
            total += step.seconds;
            const auto rate = static_cast<double>(step.bytes) / std::max(step.seconds, 1e-3);
            fmt::print("{:<22} {:>12} {:>12}\n", step.name, human_seconds(step.seconds),
                       step.bytes > 0 ? human_bytes(rate) + "/s" : "");
        }
        fmt::print("{:<22} {:>12}\n", "all", human_seconds(total));
    }
    fmt::print("{} tables, {} rows, {} sent\n", result.tables, result.rows,
               human_bytes(static_cast<double>(result.bytes)));
    for (const auto& [subject, message] : result.problems) {
        fmt::print("PROBLEM: {}: {}\n", printable(subject), printable(message));
    }
}

}  // namespace

HaulResult result_of(RunContext& run, const Steps& steps) {
    const auto totals = run.journal.totals();
    const bool did_nothing = run.resumed && steps.times().empty();
    HaulResult result{did_nothing,       totals.tables, totals.rows,
                      totals.sent_bytes, steps.times(), {}};
    result.spooled_bytes = run.progress.spooled_bytes;
    result.snapshot_ms = run.progress.snapshot_ms;
    for (const auto& problem : run.journal.problems()) {
        result.problems.emplace_back(problem.subject, problem.message);
    }
    return result;
}

io::ExitCode print_result(const Options& options, const HaulResult& result) {
    if (options.json) {
        print_json(result);
    } else {
        print_text(options, result);
    }
    return result.problems.empty() ? io::ExitCode::done : io::ExitCode::failed;
}

}  // namespace pghaul::cmd
