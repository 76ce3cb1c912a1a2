// One function per command. Each returns the exit code of the good path and throws io::Error for
// everything else. Results go to standard output, talk to standard error.
#pragma once

#include "cmd/options.hpp"
#include "io/error.hpp"
#include "io/interrupt.hpp"

namespace pghaul::cmd {

io::ExitCode run_plan(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_export(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_import(Options options, io::Interrupt& interrupt);
io::ExitCode run_cutover(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_follow(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_report(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_run(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_verify(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_status(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_drop(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_worker(const Options& options, io::Interrupt& interrupt);
io::ExitCode run_agent(io::Interrupt& interrupt);

}  // namespace pghaul::cmd
