#include "cmd/streams.hpp"

#include <oneapi/tbb/global_control.h>

#include <deque>
#include <thread>
#include <vector>

#include "cmd/deadline.hpp"
#include "loader/lane.hpp"

namespace pghaul::cmd {

void run_streams(RunContext& run, loader::WorkQueue& queue, const std::string& exported,
                 int snapshot_number) {
    const int jobs = run.options.jobs;
    // Each stream's thread and one worker beside it, and this thread.
    const auto slots = static_cast<std::size_t>(2 * jobs + 1);
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, slots);
    const loader::LaneSetup setup{run.source,
                                  run.target,
                                  run.plan,
                                  exported,
                                  {run.options.job, run.journal.run(), snapshot_number},
                                  run.progress,
                                  run.interrupt,
                                  run.facts.maintenance_work_mem_kb,
                                  run.options.no_owner,
                                  run.options.no_privileges};
    {
        const Alarm alarm(run.deadline, [&] { queue.stop(); });
        std::deque<loader::Lane> lanes;
        std::vector<std::jthread> threads;
        for (int i = 0; i < jobs; ++i) lanes.emplace_back(i, setup, queue);
        for (auto& lane : lanes) threads.emplace_back([&lane] { lane.run(); });
    }
    queue.rethrow();
}

}  // namespace pghaul::cmd
