#include <spdlog/spdlog.h>

#include "cmd/commands.hpp"
#include "cmd/haul.hpp"
#include "cmd/session.hpp"

namespace pghaul::cmd {
io::ExitCode run_run(const Options& options, io::Interrupt& interrupt) {
    spdlog::info("{}", options.effective());
    io::RunProgress progress;
    HaulResult result;
    in_session(options, interrupt, progress, options.job,
               "what is loaded stays loaded; see pghaul status",
               [&] { result = haul(options, interrupt, progress); });
    return print_result(options, result);
}

}  // namespace pghaul::cmd
