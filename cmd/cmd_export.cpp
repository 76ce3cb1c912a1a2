#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "cmd/commands.hpp"
#include "cmd/export_image.hpp"
#include "cmd/format.hpp"
#include "cmd/session.hpp"

namespace pghaul::cmd {
namespace {

void print_json(const Options& options, const ExportResult& result) {
    nlohmann::json steps = nlohmann::json::array();
    for (const auto& step : result.steps) {
        steps.push_back({{"step", step.name}, {"seconds", step.seconds}, {"bytes", step.bytes}});
    }
    const nlohmann::json all = {{"job", options.job},
                                {"folder", result.folder},
                                {"was_done_already", result.was_done_already},
                                {"tables", result.tables},
                                {"rows", result.rows},
                                {"bytes", result.bytes},
                                {"file_bytes", result.file_bytes},
                                {"capture", result.capture},
                                {"one_moment", result.one_moment},
                                {"steps", steps}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const Options& options, const ExportResult& result) {
    if (result.was_done_already) fmt::print("job {} was exported already\n", options.job);
    for (const auto& step : result.steps) {
        fmt::print("{:<22} {:>12}\n", step.name, human_seconds(step.seconds));
    }
    fmt::print("{} tables, {} rows, {} in files of {}: {}\n", result.tables, result.rows,
               human_bytes(static_cast<double>(result.bytes)),
               human_bytes(static_cast<double>(result.file_bytes)), printable(result.folder));
    if (!result.capture) return;
    fmt::print(
        "changes since then are captured on the source: after pghaul import, pghaul {} brings "
        "them\n",
        result.one_moment ? "follow" : "run");
}

}  // namespace

io::ExitCode run_export(const Options& options, io::Interrupt& interrupt) {
    spdlog::info("{}", options.effective());
    io::RunProgress progress;
    ExportResult result;
    in_session(options, interrupt, progress, export_sessions(options.job),
               "run the same command again; files that are sealed stay where that is one image",
               [&] { result = export_image(options, interrupt, progress); });
    if (options.json) {
        print_json(options, result);
    } else {
        print_text(options, result);
    }
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
