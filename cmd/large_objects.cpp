#include "cmd/large_objects.hpp"

#include "loader/large_objects.hpp"
#include "loader/verify/repair.hpp"
#include "loader/verify/verify.hpp"
#include "snapshot/held_snapshot.hpp"

namespace pghaul::cmd {

void bring_large_objects(RunContext& run) {
    const auto& selection = run.plan.selection;
    if (!selection.schemas.empty() || !selection.tables.empty()) return;
    snapshot::Plan objects;
    objects.encoding = run.plan.encoding;
    objects.large_objects = run.plan.large_objects;
    const snapshot::HeldSnapshot source(run.source, run.options.job, "large objects", {},
                                        run.interrupt);
    const snapshot::HeldSnapshot target(run.target, run.options.job, "large objects", {},
                                        run.interrupt);
    if (objects.large_objects.empty()) {
        auto look = run.open_source("large objects");
        objects.large_objects = loader::cut_large_objects(look);
        if (objects.large_objects.empty()) return;
    }
    const loader::VerifySetup setup{
        run.source,      run.target,       {source.exported(), target.exported()},
        run.options.job, run.options.jobs, run.progress,
        run.interrupt};
    loader::VerifyOptions options;
    options.for_repair = true;
    options.sequences = false;
    const auto result = loader::verify(setup, objects, options);
    loader::repair(setup, objects, result, {run.options.no_owner, run.options.no_privileges});
}

}  // namespace pghaul::cmd
