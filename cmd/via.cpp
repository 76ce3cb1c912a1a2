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

std::optional<io::AgentCommand> set_up_agents(const Options& options, const io::ConnInfo& source,
                                              const std::string& job, io::RunProgress& progress,
                                              const io::Interrupt& interrupt) {
    if (options.source_via.empty()) return std::nullopt;
    const auto log = [](const std::string& line) { spdlog::info("{}", line); };
    const io::AgentCommand command{options.source_via, PGHAUL_VERSION, log,
                                   &progress.received_bytes};
    retry(interrupt, progress, "agent", [&] {
        io::AgentSession agent(command, source, {job, "probe", "UTF8", kLockTimeout, {}},
                               interrupt);
        const auto there = agent.query_value(kServerProcess, {});
        const auto here =
            io::Connection::open(source, {job, "plan", "UTF8", kLockTimeout, {}}, interrupt)
                .query_value(kServerProcess);
        if (there == here) return;
        throw io::Error(fmt::format("the agent has reached another database than --source: {}, "
                                    "not {}",
                                    there, here))
            .exit_code(io::ExitCode::usage)
            .hint(
                "name the source in --source so that it means the same on both hosts: localhost "
                "and service files do not");
    });
    return command;
}

void set_up_agents(RunContext& run) {
    run.via = set_up_agents(run.options, run.source, run.options.job, run.progress, run.interrupt);
}

void say_what_agents_saved(const io::RunProgress& progress) {
    const auto received = progress.received_bytes.load();
    if (received == 0) return;
    std::uint64_t bytes = 0;
    progress.for_each_stream([&](const io::StreamProgress& stream) { bytes += stream.bytes(); });
    spdlog::info("agents brought {} of rows as {} over the link",
                 human_bytes(static_cast<double>(bytes)),
                 human_bytes(static_cast<double>(received)));
}

}  // namespace pghaul::cmd
