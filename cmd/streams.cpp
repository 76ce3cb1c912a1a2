#include "cmd/streams.hpp"

#include <deque>
#include <thread>
#include <vector>

#include "cmd/deadline.hpp"
#include "loader/lane.hpp"

namespace pghaul::cmd {

void run_streams(RunContext& run, loader::WorkQueue& queue, const std::string& exported,
                 int snapshot_number, const std::function<bool(snapshot::Oid)>& truncated_since) {
    const int jobs = run.options.jobs;
    loader::ReadBack read_back(run.options.job, run.plan.encoding);
    const loader::LaneSetup setup{run.source,
                                  run.target,
                                  run.plan,
                                  exported,
                                  run.ticket(snapshot_number),
                                  run.progress,
                                  run.interrupt,
                                  run.facts.maintenance_work_mem_kb,
                                  run.options.no_owner,
                                  run.options.no_privileges,
                                  truncated_since,
                                  read_back,
                                  run.options.verify != VerifyMode::none,
                                  run.via ? &*run.via : nullptr,
                                  run.files};
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
