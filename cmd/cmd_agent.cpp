#include <oneapi/tbb/global_control.h>
#include <unistd.h>

#include "cmd/commands.hpp"
#include "io/agent.hpp"

namespace pghaul::cmd {

io::ExitCode run_agent(io::Interrupt& interrupt) {
    if (::isatty(STDIN_FILENO) != 0 || ::isatty(STDOUT_FILENO) != 0) {
        throw io::Error("pghaul agent speaks to pghaul, not to a terminal")
            .exit_code(io::ExitCode::usage)
            .hint("pghaul run --source-via 'ssh dbhost pghaul agent' starts it; without ssh -t");
    }
    // Reading, packing and sending overlap also where there is one core.
    const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, 3);
    io::serve_as_agent(STDIN_FILENO, STDOUT_FILENO, PGHAUL_VERSION, interrupt);
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
