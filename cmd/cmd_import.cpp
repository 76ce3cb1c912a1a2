#include <spdlog/spdlog.h>

#include "cmd/commands.hpp"
#include "cmd/export_folder.hpp"
#include "cmd/import_image.hpp"
#include "cmd/session.hpp"

namespace pghaul::cmd {

io::ExitCode run_import(Options options, io::Interrupt& interrupt) {
    const auto exported = read_export(options.folder);
    // What the job is, the export has decided.
    if (options.job.empty()) options.job = exported.plan.note.job;
    options.selection = exported.plan.plan.selection;
    options.no_capture = !exported.plan.note.capture;
    spdlog::info("{}", options.effective());
    io::RunProgress progress;
    HaulResult result;
    in_session(options, interrupt, progress, options.job,
               "what is loaded stays loaded; run the same command again",
               [&] { result = import_image(options, exported, interrupt, progress); });
    return print_result(options, result);
}

}  // namespace pghaul::cmd
