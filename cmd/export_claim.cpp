#include "cmd/export_claim.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <random>

#include "cmd/job_claim.hpp"
#include "io/durable_file.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

std::string new_export_id() {
    std::random_device random;
    const auto half = [&] {
        return io::checksum_text(static_cast<std::uint64_t>(random()) << 32 | random());
    };
    return half() + half();
}

void check_same_export(const ExportContext& run) {
    const auto& note = run.note;
    const auto refuse = [&](const std::string& what) {
        throw io::Error(fmt::format("{} holds an export of {}", run.folder.path(), what))
            .exit_code(io::ExitCode::no_go)
            .hint("name another folder, or remove this one if it is not needed any more");
    };
    if (note.source_identity != run.facts.source_identity) refuse("another source, " + note.source);
    if (note.job != run.options.job) refuse("another job, " + note.job);
    if (note.settings != settings_of(run.options)) refuse("other choices: " + note.settings);
    if (note.capture != run.capture) {
        refuse(note.capture ? "the same source with capture" : "the same source without capture");
    }
}

void begin_anew(ExportContext& run) {
    run.note = {run.options.job,           new_export_id(),          run.source.display(),
                run.facts.source_identity, settings_of(run.options), run.capture};
    run.plan = {};
    run.sealed = {};
    run.folder.begin(run.note);
    io::failpoint(io::Failpoint::export_begun);
}

}  // namespace

void claim_folder(ExportContext& run) {
    auto source = run.open("plan");
    run.facts = check_source(source, run.interrupt);
    const auto note = run.folder.note();
    if (note) {
        run.note = *note;
        check_same_export(run);
    }
    snapshot::end_leftover_sessions(source, run.session_job, run.interrupt);
    const auto chosen = snapshot::select_relations(source, run.options.selection);
    const auto hazards =
        source_hazards(source, run.options, catalog_to_judge(source, run.options, chosen));
    refuse_if_no_go(hazards);
    if (!note) begin_anew(run);
    for (const auto& hazard : hazards) {
        if (hazard.weight != Hazard::Weight::warning) continue;
        spdlog::warn("{}\nHINT: {}", hazard.message, hazard.fix);
    }
}

void find_what_stands(ExportContext& run) {
    auto plan = run.folder.plan();
    if (!plan) return;
    run.plan = std::move(*plan);
    run.sealed = loader::find_sealed(run.folder.path(), run.plan);
    // Without capture, nothing makes rows of two moments one image.
    if (run.complete() || run.capture || run.options.source_is_quiet) return;
    spdlog::warn(
        "what was exported is as of a snapshot that is gone, so all of it is exported anew\n"
        "HINT: --source-is-quiet keeps it, if you vouch that nothing changed on the source "
        "since");
    begin_anew(run);
}

}  // namespace pghaul::cmd
