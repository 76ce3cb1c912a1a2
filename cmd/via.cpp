#include "cmd/via.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "cmd/format.hpp"
#include "cmd/hazards_sql.hpp"
#include "cmd/retry.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

constexpr std::chrono::seconds kLockTimeout{10};

}  // namespace

void set_up_agents(RunContext& run) {
    if (run.options.source_via.empty()) return;
    const auto log = [](const std::string& line) { spdlog::info("{}", line); };
    run.via.emplace(io::AgentCommand{run.options.source_via, PGHAUL_VERSION, log,
                                     &run.progress.received_bytes});
    retry(run, "agent", [&] {
        io::AgentSession agent(*run.via, run.source,
                               {run.options.job, "probe", "UTF8", kLockTimeout, {}}, run.interrupt);
        const auto there = agent.query_value(kServerProcess, {});
        const auto here = run.open_source("plan").query_value(kServerProcess);
        if (there == here) return;
        throw io::Error(fmt::format("the agent has reached another database than --source: {}, "
                                    "not {}",
                                    there, here))
            .exit_code(io::ExitCode::usage)
            .hint(
                "name the source in --source so that it means the same on both hosts: localhost "
                "and service files do not");
    });
}

void say_what_agents_saved(const RunContext& run) {
    const auto received = run.progress.received_bytes.load();
    if (received == 0) return;
    std::uint64_t bytes = 0;
    run.progress.for_each_stream(
        [&](const io::StreamProgress& stream) { bytes += stream.bytes(); });
    spdlog::info("agents brought {} of rows as {} over the link",
                 human_bytes(static_cast<double>(bytes)),
                 human_bytes(static_cast<double>(received)));
}

}  // namespace pghaul::cmd
