// The named steps of a run: how long each took (journal and report), and that those which are done
// once are not done twice. A step that is cut short goes on from its mark in the next run.
// Owned by the run (haul.cpp). Thread: the run's main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cmd/run_context.hpp"
#include "loader/script_runner.hpp"

namespace pghaul::cmd {

struct StepTime {
    std::string name;
    double seconds = 0;
    std::int64_t bytes = 0;
};

class Steps {
  public:
    explicit Steps(RunContext& run) : run_(run) {}

    void begin(const std::string& name);
    /// Ends the step that was begun last. bytes: what it moved, for the throughput.
    void end(std::int64_t bytes = 0);

    /// Runs a step unless the journal says that it is finished; again when a connection is lost
    /// (retry.hpp says what that asks of the body).
    /// Throws: io::Error (stopped) before it if the run's time is up.
    void once(const std::string& name, const std::function<void()>& body);
    /// Same, for a step that marks its progress: the body gets where to go on, and the mark. Its
    /// session on the target has a role that begins with "schema".
    void once_from_mark(const std::string& name,
                        const std::function<void(const loader::RestoreOptions&)>& body);

    /// Of this run, in order; a step that was begun twice stands once.
    const std::vector<StepTime>& times() const noexcept { return times_; }

  private:
    snapshot::Step state_of(const std::string& name);
    /// Notes progress of a step in the transaction of whoever calls it.
    loader::RestoreMark mark(const std::string& name) const;

    RunContext& run_;
    std::string name_;
    std::chrono::steady_clock::time_point began_;
    std::vector<StepTime> times_;
};

}  // namespace pghaul::cmd
