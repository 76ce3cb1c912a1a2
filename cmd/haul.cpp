#include "cmd/haul.hpp"

#include "cmd/image.hpp"
#include "cmd/job_claim.hpp"
#include "cmd/live.hpp"
#include "cmd/new_tables.hpp"
#include "cmd/prove.hpp"
#include "cmd/retry.hpp"
#include "cmd/run_context.hpp"
#include "cmd/spool.hpp"
#include "cmd/target_schema.hpp"
#include "cmd/via.hpp"
#include "io/failpoint.hpp"

namespace pghaul::cmd {
namespace {

using snapshot::Phase;

}  // namespace

HaulResult haul(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress) {
    RunContext run(options, interrupt, progress);
    Steps steps(run);

    claim_job(run);
    if (run.cut_over) return result_of(run, steps);
    if (run.phase < Phase::copied) set_up_agents(run);
    if (run.capture) capture_source(run, steps);
    if (options.until == Until::captured) return result_of(run, steps);

    if (run.phase < Phase::copied) {
        copy_image(run, steps);
        say_what_agents_saved(run.progress);
    } else {
        run.plan = run.journal.read_plan();
    }
    retry(run, "spool", [&] { forget_spools(run.journal, options, run.job_id); });
    if (options.until == Until::copied) return result_of(run, steps);

    if (run.phase < Phase::indexed) {
        if (run.capture) catch_up_once(run, steps);
        finish_tables_left(run, steps);
        make_rest_of_schema(run, steps);
        run.advance(Phase::indexed);
    }
    if (run.phase < Phase::done) update_statistics(run, steps);
    if (run.capture && options.until == Until::indexed) return result_of(run, steps);

    if (run.capture) {
        take_over_new_tables(run, steps);
        bring_current(run, steps);
    }
    if (options.until == Until::verified) prove_tables(run, steps, true);
    if (run.phase < Phase::done) {
        io::failpoint(io::Failpoint::done_before_phase);
        run.advance(Phase::done);
    }
    return result_of(run, steps);
}

}  // namespace pghaul::cmd
