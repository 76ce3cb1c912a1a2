#include "cmd/run_context.hpp"

#include <fmt/format.h>

#include "cmd/retry.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

constexpr std::chrono::minutes kTargetLockTimeout{10};

}  // namespace

RunContext::RunContext(const Options& chosen, io::Interrupt& stop, io::RunProgress& counters)
    : options(chosen),
      interrupt(stop),
      progress(counters),
      deadline(options),
      source(io::ConnInfo::parse(options.source)),
      target(io::ConnInfo::parse(options.target)),
      journal(snapshot::Journal::open(target, options.job, interrupt)),
      threads(tbb::global_control::max_allowed_parallelism,
              static_cast<std::size_t>(4 * options.jobs + 1)) {}

const std::string& RunContext::archive() {
    if (schema_archive.empty()) schema_archive = journal.read_archive();
    return schema_archive;
}

void RunContext::advance(snapshot::Phase next) {
    retry(*this, "phase " + std::string(snapshot::name_of(next)), [&] { journal.set_phase(next); });
    phase = next;
}

io::Connection RunContext::open_source(const std::string& role,
                                       std::chrono::milliseconds lock_timeout) const {
    // Statements on the catalog look dear and are not: compiling one takes longer than running it.
    return io::Connection::open(source, {options.job, role, "UTF8", lock_timeout, {{"jit", "off"}}},
                                interrupt);
}

io::Connection RunContext::open_target(const std::string& role) const {
    const auto memory = fmt::format("{}kB", facts.maintenance_work_mem_kb);
    return io::Connection::open(
        target, {options.job, role, "UTF8", kTargetLockTimeout, {{"maintenance_work_mem", memory}}},
        interrupt);
}

loader::SchemaOptions RunContext::schema_options() const {
    return {options.selection,    options.no_owner, options.no_privileges,
            facts.no_tablespaces, options.job,      facts.source_major};
}

snapshot::JobTicket RunContext::ticket(int snapshot_number) const {
    return {options.job, journal.run(), snapshot_number};
}

void stop_early(RunContext& run) {
    const auto totals = run.journal.totals();
    throw io::Error(fmt::format("the time is up: {} of {} chunks loaded, {} of {} tables finished",
                                totals.chunks_loaded, totals.chunks, totals.tables_finished,
                                totals.tables))
        .exit_code(io::ExitCode::stopped)
        .hint("run the same command again to go on");
}

}  // namespace pghaul::cmd
