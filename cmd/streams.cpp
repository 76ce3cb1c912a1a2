#include "cmd/streams.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "cmd/deadline.hpp"
#include "cmd/spool.hpp"
#include "loader/lane.hpp"
#include "loader/neighbours.hpp"
#include "loader/spool_judge.hpp"
#include "loader/spool_lane.hpp"

namespace pghaul::cmd {
namespace {

constexpr std::chrono::seconds kLook{1};

/// Looks once a second whether the target is what the copy waits for, and says so to the queue.
class Judge {
  public:
    Judge(const RunContext& run, loader::WorkQueue& queue, std::string folder)
        : thread_([this, &run, &queue, folder = std::move(folder)](std::stop_token stop) {
              loader::SpoolJudge judge;
              const auto began = loader::SpoolJudge::Clock::now();
              std::unique_lock lock(mutex_);
              while (!changed_.wait_for(lock, stop, kLook, [&] { return stop.stop_requested(); })) {
                  if (!judge.target_limits(loader::SpoolJudge::sample(run.progress))) continue;
                  if (!loader::SpoolJudge::worthwhile(queue.share_done(),
                                                      loader::SpoolJudge::Clock::now() - began))
                      continue;
                  if (!noted(run, queue.spool_rules().limit_bytes)) continue;
                  if (queue.begin_spooling()) {
                      spdlog::info("the target falls behind: the source is read ahead into {}",
                                   folder);
                  }
              }
          }) {}

  private:
    /// No file before it is known where: returns false if that could not be noted now.
    bool noted(const RunContext& run, std::int64_t limit_bytes) {
        if (noted_) return true;
        try {
            auto target = run.open_target("spool");
            note_spool(target, run.options, limit_bytes);
            noted_ = true;
        } catch (const io::Error& error) {
            // The streams meet the same trouble; this is tried again in a second.
            spdlog::debug("{}", error.report());
        }
        return noted_;
    }

    bool noted_ = false;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::jthread thread_;
};

}  // namespace

void begin_counting(io::RunProgress& progress, const snapshot::Plan& plan,
                    const snapshot::LoadedChunks& loaded) {
    std::int64_t bytes = 0;
    for (const auto& [table, chunk] : loaded.tables) {
        bytes += plan.tables[static_cast<std::size_t>(table)]
                     .chunks[static_cast<std::size_t>(chunk)]
                     .bytes;
    }
    progress.planned_bytes = plan.total_bytes();
    progress.tables = static_cast<int>(plan.tables.size());
    progress.loaded_bytes = bytes;
    progress.loaded_before_bytes = bytes;
}

void run_streams(RunContext& run, loader::WorkQueue& queue, const SnapshotInHand& snapshot,
                 const std::function<bool(snapshot::Oid)>& truncated_since) {
    const int jobs = run.options.jobs;
    loader::ReadBack read_back(run.options.job, run.plan.encoding);
    const auto spool = spool_folder(run.options, run.job_id);
    auto ticket = run.ticket(snapshot.number);
    if (snapshot.run != 0) ticket.run = snapshot.run;
    const loader::LaneSetup setup{run.source,
                                  run.target,
                                  run.plan,
                                  snapshot.exported,
                                  ticket,
                                  run.progress,
                                  run.interrupt,
                                  run.facts.maintenance_work_mem_kb,
                                  run.options.no_owner,
                                  run.options.no_privileges,
                                  truncated_since,
                                  read_back,
                                  run.options.verify != VerifyMode::none,
                                  run.options.toast_compression,
                                  run.via ? &*run.via : nullptr,
                                  run.files,
                                  spool,
                                  snapshot.visible};
    const auto& rules = queue.spool_rules();
    {
        const Alarm alarm(run.deadline, [&] { queue.stop(); });
        std::optional<Judge> judge;
        const loader::Neighbours neighbours(run.target, run.options.job, queue, run.progress,
                                            run.interrupt);
        std::deque<loader::Lane> lanes;
        std::deque<loader::SpoolLane> readers;
        std::vector<std::jthread> threads;
        for (int i = 0; i < jobs; ++i) lanes.emplace_back(i, setup, queue);
        for (int i = 0; i < rules.readers; ++i) readers.emplace_back(i, jobs, setup, queue);
        for (auto& lane : lanes) threads.emplace_back([&lane] { lane.run(); });
        for (auto& reader : readers) threads.emplace_back([&reader] { reader.run(); });
        if (rules.mode == loader::SpoolMode::automatic && rules.readers > 0) {
            judge.emplace(run, queue, spool.path());
        }
        threads.clear();
    }
    queue.rethrow();
}

}  // namespace pghaul::cmd
