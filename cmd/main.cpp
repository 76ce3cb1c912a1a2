// Entry: options, signals, the command, and the one place that turns an error into a report and an
// exit code.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <exception>

#include "cmd/commands.hpp"
#include "cmd/console.hpp"

namespace {

using pghaul::io::ExitCode;

pghaul::io::Interrupt* interrupt_of_process = nullptr;

void on_signal(int) {
    if (interrupt_of_process != nullptr) interrupt_of_process->fire();
}

ExitCode dispatch(const pghaul::cmd::Options& options, pghaul::io::Interrupt& interrupt) {
    using pghaul::cmd::Command;
    switch (options.command) {
        case Command::plan:
            return pghaul::cmd::run_plan(options, interrupt);
        case Command::run:
            return pghaul::cmd::run_run(options, interrupt);
        case Command::follow:
            return pghaul::cmd::run_follow(options, interrupt);
        case Command::cutover:
            return pghaul::cmd::run_cutover(options, interrupt);
        case Command::verify:
            return pghaul::cmd::run_verify(options, interrupt);
        case Command::status:
            return pghaul::cmd::run_status(options, interrupt);
        case Command::report:
            return pghaul::cmd::run_report(options, interrupt);
        case Command::drop:
            return pghaul::cmd::run_drop(options, interrupt);
        case Command::worker:
            return pghaul::cmd::run_worker(options, interrupt);
        case Command::export_image:
            return pghaul::cmd::run_export(options, interrupt);
        case Command::import_image:
            return pghaul::cmd::run_import(options, interrupt);
        case Command::agent:
            return pghaul::cmd::run_agent(interrupt);
    }
    return ExitCode::failed;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        pghaul::cmd::set_up_log("info", {});  // for what is wrong with the options
        const auto options = pghaul::cmd::parse_options(argc, argv);
        if (!options) return static_cast<int>(ExitCode::done);
        pghaul::cmd::set_up_log(options->log_level, options->log_file);

        pghaul::io::Interrupt interrupt;
        interrupt_of_process = &interrupt;
        std::signal(SIGINT, on_signal);
        std::signal(SIGTERM, on_signal);
        std::signal(SIGPIPE, SIG_IGN);
        return static_cast<int>(dispatch(*options, interrupt));
    } catch (const pghaul::io::Error& error) {
        spdlog::error("error: {}", error.report());
        return static_cast<int>(error.exit_code());
    } catch (const std::exception& error) {
        spdlog::error("error: {}\nHINT: this is a fault of pghaul; please report it", error.what());
        return static_cast<int>(ExitCode::failed);
    }
}
