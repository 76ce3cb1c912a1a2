#include "cmd/job_claim.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>

#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "io/sql.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using snapshot::Phase;

// Before anything has begun, a lock in the way is better named soon than waited for.
constexpr std::chrono::seconds kProbeLockTimeout{10};

/// The process, for whoever asks who runs the job.
std::string runner() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return fmt::format("{} on {}", ::getpid(), host.data());
}

void check_same_job(const snapshot::JobRecord& record, const RunContext& run) {
    if (record.source_identity != run.facts.source_identity) {
        throw Error(fmt::format("job {} in this target copies from {}, which is not the given "
                                "source",
                                record.job, record.source))
            .exit_code(ExitCode::no_go)
            .hint(
                "give that source, another --job and an empty target, or begin anew after "
                "pghaul drop");
    }
    if (record.settings != settings_of(run.options)) {
        throw Error(
            fmt::format("job {} was begun with other choices: {}", record.job, record.settings))
            .exit_code(ExitCode::no_go)
            .hint(
                "use the same -n -N -t -T, --no-owner and --no-privileges, or begin anew "
                "with an empty target after pghaul drop");
    }
}

void check_hazards(RunContext& run, Connection& source, bool check_target_empty) {
    const auto chosen = snapshot::select_relations(source, run.options.selection);
    const auto catalog = snapshot::read_catalog(source, chosen);
    const auto hazards = find_hazards(source, run.journal.connection(), run.options, chosen,
                                      catalog, check_target_empty);
    refuse_if_no_go(hazards);
    for (const auto& hazard : hazards) {
        if (hazard.weight == Hazard::Weight::warning) {
            spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
        }
    }
}

void insert_job(RunContext& run) {
    run.journal.create();
    run.journal.insert({run.options.job,
                        PGHAUL_VERSION,
                        run.source.display(),
                        run.facts.source_identity,
                        settings_of(run.options),
                        Phase::created,
                        0,
                        runner(),
                        {},
                        {},
                        {},
                        false});
    io::failpoint(io::Failpoint::journal_created);
}

}  // namespace

void claim_job(RunContext& run) {
    run.journal.lock();
    auto source = run.open_source("plan", kProbeLockTimeout);
    run.facts = check_servers(source, run.journal.connection(), run.options, run.interrupt);
    const auto record = run.journal.find();
    if (record) {
        check_same_job(*record, run);
        run.phase = record->phase;
        run.resumed = true;
    }
    // Until the schema is begun, nothing in the target is ours.
    if (run.phase < Phase::copied) check_hazards(run, source, run.phase == Phase::created);
    if (!record) insert_job(run);
    run.journal.begin_run(runner(), PGHAUL_VERSION);
    if (run.resumed) {
        spdlog::info("job {} goes on at phase {} (begun {})", run.options.job,
                     snapshot::name_of(run.phase), record->created_at);
    }
    if (run.options.restart_copy && run.phase >= Phase::copied) {
        spdlog::warn("the copy is complete, so --restart-copy has nothing to restart");
    }
}

std::string settings_of(const Options& options) {
    const auto& selection = options.selection;
    return fmt::format(
        "-n {} -N {} -t {} -T {}{}{}", io::array_literal(selection.schemas),
        io::array_literal(selection.exclude_schemas), io::array_literal(selection.tables),
        io::array_literal(selection.exclude_tables), options.no_owner ? " --no-owner" : "",
        options.no_privileges ? " --no-privileges" : "");
}

}  // namespace pghaul::cmd
