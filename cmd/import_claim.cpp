// An import claims its job (job_claim.hpp): what job_claim.cpp asks of two servers, asked of one
// and of the export's files.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <optional>

#include "cmd/hazards.hpp"
#include "cmd/job_claim.hpp"
#include "delta/capture.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "snapshot/history.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;
using io::ExitCode;
using snapshot::ExportPlan;
using snapshot::JobRecord;
using snapshot::Phase;

void check_same_import(const JobRecord& record, const ExportPlan& exported,
                       const Options& options) {
    if (!record.job_id.starts_with(delta::id_of_import(exported.note.export_id, {}))) {
        throw Error(fmt::format("job {} in this target is not of this export: it copies from {}",
                                record.job, record.source))
            .exit_code(ExitCode::no_go)
            .hint("give another --job and an empty target, or begin anew after pghaul drop");
    }
    if (record.settings != settings_of(options)) {
        throw Error(
            fmt::format("job {} was begun with other choices: {}", record.job, record.settings))
            .exit_code(ExitCode::no_go)
            .hint(
                "use the same --no-owner and --no-privileges, or begin anew with an empty target "
                "after pghaul drop");
    }
}

std::vector<Hazard> check_hazards(RunContext& run, const ExportPlan& exported,
                                  bool check_target_empty) {
    auto hazards =
        target_hazards(run.journal.connection(), exported.needs, run.options, check_target_empty);
    refuse_if_no_go(hazards);
    for (const auto& hazard : hazards) {
        if (hazard.weight != Hazard::Weight::warning) continue;
        spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
    }
    return hazards;
}

void insert_import(RunContext& run, const ExportPlan& exported) {
    run.journal.create();
    const auto import = run.journal.connection().query_value(
        {"import_id",
         "select pg_catalog.md5(pg_catalog.random()::pg_catalog.text "
         "|| pg_catalog.clock_timestamp()::pg_catalog.text)"});
    JobRecord record;
    record.job = run.options.job;
    record.version = PGHAUL_VERSION;
    record.source = exported.note.source;
    record.source_identity = exported.note.source_identity;
    record.settings = settings_of(run.options);
    record.runner = runner();
    record.capture = exported.note.capture;
    record.job_id = delta::id_of_import(exported.note.export_id, import);
    run.journal.insert(record);
    io::failpoint(io::Failpoint::journal_created);
}

}  // namespace

void claim_import(RunContext& run, const ExportPlan& exported) {
    run.journal.lock();
    auto& target = run.journal.connection();
    run.facts =
        check_target(target, exported.plan.encoding, exported.needs.tablespaces, run.options.jobs);
    run.facts.source_identity = exported.note.source_identity;
    run.facts.tools =
        loader::find_dump_tools(exported.dump_major, target.server_major(), run.interrupt);
    const auto record = run.journal.find();
    if (record) {
        check_same_import(*record, exported, run.options);
        run.phase = record->phase;
        run.resumed = true;
        run.cut_over = record->cut_over;
    }
    std::optional<std::vector<Hazard>> hazards;
    if (run.phase < Phase::copied) {
        hazards = check_hazards(run, exported, nothing_made(run));
    }
    if (!record) insert_import(run, exported);
    run.capture = exported.note.capture;
    run.job_id = run.journal.find()->job_id;
    run.journal.begin_run(runner(), PGHAUL_VERSION);
    if (hazards) note_hazards(run.journal, "servers", *hazards);
    snapshot::note_source_version(run.journal.connection(), run.options.job,
                                  std::to_string(exported.source_major));
    if (!run.resumed) return;
    spdlog::info("job {} goes on at phase {} (begun {})", run.options.job,
                 snapshot::name_of(run.phase), record->created_at);
}

}  // namespace pghaul::cmd
