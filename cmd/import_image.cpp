#include "cmd/import_image.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <set>

#include "cmd/job_claim.hpp"
#include "cmd/prove.hpp"
#include "cmd/retry.hpp"
#include "cmd/streams.hpp"
#include "cmd/target_schema.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "loader/sequences.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;
using io::Failpoint;
using io::failpoint;
using snapshot::Phase;

/// The plan, its snapshots and the schema, as Image makes them from a source. A run that died
/// between them does them again: nothing is made on the target before all are noted.
void take_over_plan(RunContext& run, const Exported& exported) {
    const auto record = run.journal.find();
    const auto snapshots = static_cast<std::int64_t>(exported.plan.snapshots.size());
    if (record->planned && run.journal.totals().snapshots == snapshots) {
        run.plan = run.journal.read_plan();
        return;
    }
    if (run.phase < Phase::schema) run.advance(Phase::schema);
    run.plan = exported.plan.plan;
    run.schema_archive = exported.schema;
    retry(run, "plan", [&] {
        run.journal.store_plan(run.plan, exported.schema);
        for (const auto& visible : exported.plan.snapshots) run.journal.add_snapshot(visible);
    });
    failpoint(Failpoint::import_planned);
}

void make_schema(RunContext& run, Steps& steps) {
    steps.once_from_mark("schema", [&](const loader::RestoreOptions& from) {
        failpoint(Failpoint::schema_before);
        loader::restore_pre_data(run.facts.tools, run.archive(), run.target, run.schema_options(),
                                 from, run.interrupt);
        failpoint(Failpoint::schema_after);
    });
    if (run.phase < Phase::copying) run.advance(Phase::copying);
}

void set_exported_sequences(RunContext& run, const Exported& exported) {
    retry(run, "sequences", [&] {
        failpoint(Failpoint::sequences_before);
        auto target = run.open_target("sequences");
        loader::write_sequences(target, exported.manifest.sequences);
        failpoint(Failpoint::sequences_after);
    });
}

/// Tables whose own chunks are of several moments may violate their keys (invariant 5).
std::set<int> tables_of_two_moments(const Exported& exported) {
    std::map<int, std::set<std::uint32_t>> moments;
    for (const auto& [chunk, file] : exported.manifest.chunks) {
        moments[chunk.first].insert(file.snapshot);
    }
    std::set<int> mixed;
    for (const auto& [table, snapshots] : moments) {
        if (snapshots.size() > 1) mixed.insert(table);
    }
    return mixed;
}

void load_rows(RunContext& run, Steps& steps, const Exported& exported) {
    steps.begin("load");
    const auto loaded = run.journal.loaded();
    auto& progress = run.progress;
    begin_counting(progress, run.plan, loaded);
    auto not_to_finish = run.journal.finished_tables();
    if (!exported.manifest.one_moment) not_to_finish.merge(tables_of_two_moments(exported));
    loader::WorkQueue::Options options{run.options.jobs, true, &progress,
                                       [&] { set_exported_sequences(run, exported); },
                                       tables_to_read_back(run)};
    options.foreign_keys = exported.manifest.one_moment;
    loader::WorkQueue queue(run.plan, loaded, not_to_finish, std::move(options));
    run_streams(run, queue, {}, {});
    run.analyzed.merge(queue.analyzed());
    if (!queue.all_copied() || !queue.all_done()) stop_early(run);
    steps.end(progress.loaded_bytes - progress.loaded_before_bytes);
    if (const auto missing = run.journal.missing_chunks(); missing > 0) {
        throw Error(fmt::format("{} chunks are not in the target although they were loaded: it "
                                "lost commits",
                                missing))
            .exit_code(io::ExitCode::stopped)
            .hint("was the target restarted with fsync or full_page_writes off? run again");
    }
    failpoint(Failpoint::copied_before_phase);
    run.advance(Phase::copied);
}

/// Without the source nobody can say more about them.
void name_unproven(RunContext& run) {
    std::string names;
    int count = 0;
    for (const auto& [number, proof] : run.journal.proofs()) {
        if (proof != snapshot::Proof::none) continue;
        names += (names.empty() ? "" : ", ") +
                 run.plan.tables[static_cast<std::size_t>(number)].info.display();
        ++count;
    }
    if (count == 0) return;
    spdlog::warn(
        "{} tables do not read back with the sums of what the files hold: {}\n"
        "HINT: where their values' text depends on the server's version that is no fault; pghaul "
        "verify with --source and --target compares them",
        count, names);
}

}  // namespace

HaulResult import_image(const Options& options, const Exported& exported, io::Interrupt& interrupt,
                        io::RunProgress& progress) {
    RunContext run(options, interrupt, progress);
    Steps steps(run);
    const loader::ExportFiles files(exported.folder, exported.manifest);
    run.files = &files;

    claim_import(run, exported.plan);
    if (run.cut_over) return result_of(run, steps);
    if (run.phase < Phase::copied) {
        take_over_plan(run, exported);
        make_schema(run, steps);
        load_rows(run, steps, exported);
    } else {
        run.plan = run.journal.read_plan();
    }
    if (!exported.manifest.one_moment && run.phase < Phase::indexed) {
        spdlog::warn(
            "the export's rows are of several moments: keys, indexes and the rest come with the "
            "changes\nHINT: go on with pghaul run --source … --target … --job {}",
            options.job);
        return result_of(run, steps);
    }
    if (run.phase < Phase::indexed) {
        finish_tables_left(run, steps);
        make_rest_of_schema(run, steps);
        run.advance(Phase::indexed);
    }
    if (run.phase < Phase::done) {
        update_statistics(run, steps);
        name_unproven(run);
        failpoint(Failpoint::done_before_phase);
        run.advance(Phase::done);
    }
    return result_of(run, steps);
}

}  // namespace pghaul::cmd
