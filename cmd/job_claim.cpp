#include "cmd/job_claim.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <future>
#include <optional>
#include <utility>

#include "cmd/format.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "io/sql.hpp"
#include "snapshot/history.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using snapshot::Phase;

// Before anything has begun, a lock in the way is better named soon than waited for.
constexpr std::chrono::seconds kProbeLockTimeout{10};

[[noreturn]] void refuse_other_source(const snapshot::JobRecord& record) {
    throw Error(fmt::format("job {} in this target copies from {}, which is not the given source",
                            record.job, record.source))
        .exit_code(ExitCode::no_go)
        .hint(
            "give that source, another --job and an empty target, or begin anew after pghaul "
            "drop");
}

void check_same_job(const snapshot::JobRecord& record, const RunContext& run) {
    if (record.source_identity != run.facts.source_identity) refuse_other_source(record);
    if (record.settings != settings_of(run.options)) {
        throw Error(
            fmt::format("job {} was begun with other choices: {}", record.job, record.settings))
            .exit_code(ExitCode::no_go)
            .hint(
                "use the same -n -N -t -T, --no-owner and --no-privileges, or begin anew "
                "with an empty target after pghaul drop");
    }
    if (record.capture == run.options.no_capture) {
        throw Error(fmt::format("job {} was begun {} capture", record.job,
                                record.capture ? "with" : "without"))
            .exit_code(ExitCode::no_go)
            .hint(record.capture ? "leave --no-capture out, or begin anew after pghaul drop"
                                 : "use --no-capture, or begin anew after pghaul drop");
    }
}

/// In a session of its own, so that it is there as soon as the catalog.
std::future<snapshot::SourceNeeds> read_needs(const RunContext& run) {
    return std::async(std::launch::async, [&run] {
        auto source = run.open_source("plan 2", kProbeLockTimeout);
        return needs_of(source, run.options);
    });
}

/// Returns what does not speak against the run, for the journal.
std::vector<Hazard> check_hazards(RunContext& run, Connection& source, bool check_target_empty) {
    auto needs = read_needs(run);
    const auto chosen = snapshot::select_relations(source, run.options.selection);
    auto catalog = catalog_to_judge(source, run.options, chosen);
    const auto hazards = find_hazards(source, run.journal.connection(), run.options, catalog,
                                      needs.get(), check_target_empty);
    refuse_if_no_go(hazards);
    for (const auto& hazard : hazards) {
        if (hazard.weight == Hazard::Weight::warning) {
            spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
        }
    }
    run.tables_seen = std::move(catalog.tables);
    return hazards;
}

void insert_job(RunContext& run) {
    run.journal.create();
    snapshot::JobRecord record;
    record.job = run.options.job;
    record.version = PGHAUL_VERSION;
    record.source = run.source.display();
    record.source_identity = run.facts.source_identity;
    record.settings = settings_of(run.options);
    record.runner = runner();
    record.capture = !run.options.no_capture;
    run.journal.insert(record);
    io::failpoint(io::Failpoint::journal_created);
}

void note_source(RunContext& run, const Connection& source) {
    snapshot::note_source_version(run.journal.connection(), run.options.job,
                                  version_text(source.server_version()));
}

}  // namespace

std::string host_name() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return host.data();
}

bool nothing_made(RunContext& run) {
    if (run.phase <= Phase::captured) return true;
    return run.phase == Phase::schema && !run.journal.steps().contains("schema");
}

std::string runner() { return fmt::format("{} on {}", ::getpid(), host_name()); }

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
    std::optional<std::vector<Hazard>> hazards;
    if (run.phase < Phase::copied) {
        hazards = check_hazards(run, source, nothing_made(run));
    }
    if (!record) insert_job(run);
    run.cut_over = record && record->cut_over;
    run.capture = !run.options.no_capture;
    run.job_id = run.journal.find()->job_id;
    run.journal.begin_run(runner(), PGHAUL_VERSION);
    if (hazards) note_hazards(run.journal, "servers", *hazards);
    note_source(run, source);
    if (run.capture) snapshot::end_leftover_sessions(source, run.options.job, run.interrupt);
    if (run.resumed) {
        spdlog::info("job {} goes on at phase {} (begun {})", run.options.job,
                     snapshot::name_of(run.phase), record->created_at);
    }
    if (run.options.restart_copy && run.phase >= Phase::copied) {
        spdlog::warn("the copy is complete, so --restart-copy has nothing to restart");
    }
}

void claim_live_job(RunContext& run, bool allow_cut_over) {
    run.journal.lock();
    const auto record = run.journal.find();
    if (!record) {
        throw Error("there is no job " + run.options.job + " in " +
                    run.journal.connection().server_name())
            .hint("check --target and --job; pghaul run begins a job");
    }
    auto source = run.open_source("plan", kProbeLockTimeout);
    run.facts = check_servers(source, run.journal.connection(), run.options, run.interrupt);
    if (record->source_identity != run.facts.source_identity) refuse_other_source(*record);
    if (!record->capture || record->phase < Phase::indexed) {
        throw Error(record->capture
                        ? fmt::format("job {} is at phase {}: its copy is not complete",
                                      record->job, snapshot::name_of(record->phase))
                        : fmt::format("job {} copies without capture, so there are no changes to "
                                      "take over",
                                      record->job))
            .exit_code(ExitCode::no_go)
            .hint(record->capture ? "let pghaul run finish first"
                                  : "without capture, pghaul run is the whole move");
    }
    if (record->cut_over && !allow_cut_over) {
        throw Error("job " + record->job + " is cut over: the target takes writes of its own")
            .exit_code(ExitCode::no_go)
            .hint("pghaul cutover --undo goes back to the source; pghaul drop ends the job");
    }
    run.phase = record->phase;
    run.resumed = true;
    run.capture = true;
    run.job_id = record->job_id;
    run.plan = run.journal.read_plan();
    run.journal.begin_run(runner(), PGHAUL_VERSION);
    note_source(run, source);
    snapshot::end_leftover_sessions(source, run.options.job, run.interrupt);
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
