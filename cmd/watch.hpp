// Looks after a run from outside: when nothing has moved for a while it asks both servers what the
// run's sessions wait for (and who blocks them). When a server does not answer at all it ends the
// run instead of waiting for ever; when it answers here but waits for us there, it ends that wait.
// While streams move it looks once a second what limits them.
// Thread: its own; waits() from any.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cmd/limits.hpp"
#include "io/connection.hpp"
#include "io/progress.hpp"
#include "io/waits.hpp"

namespace pghaul::cmd {

class Watch {
  public:
    /// A server that is not given is not asked.
    Watch(std::optional<io::ConnInfo> source, std::optional<io::ConnInfo> target, std::string job,
          const io::RunProgress& progress, io::Interrupt& run);
    ~Watch();

    /// What the run waits for, one line each; empty while it moves.
    std::vector<std::string> waits() const;
    /// What limits the streams while they move; empty in their first seconds and without any.
    std::vector<Limit> limits() const;
    /// Why the run was ended from here, if it was.
    std::optional<io::Error> verdict() const;

  private:
    void body(const std::stop_token& stop);
    bool stalled();
    void look(std::optional<io::Connection>& to_source, std::optional<io::Connection>& to_target);
    Limits::Sessions activity(const std::optional<io::ConnInfo>& server,
                              std::optional<io::Connection>& connection);
    std::vector<std::string> ask(const io::ConnInfo& server, const char* side,
                                 std::optional<io::Connection>& connection);
    void end_forgotten_waits(io::Connection& connection);

    std::optional<io::ConnInfo> source_;
    std::optional<io::ConnInfo> target_;
    std::string job_;
    const io::RunProgress& progress_;
    io::Interrupt& run_;
    io::Interrupt own_;  // ends the questions themselves
    mutable std::mutex mutex_;
    std::vector<std::string> waits_;
    std::optional<io::Error> verdict_;
    std::vector<Limit> shares_;
    Limits limits_;
    bool streams_work_ = false;
    std::chrono::steady_clock::time_point next_look_;
    /// Waits for sessions that waited for us when they were last looked at.
    std::vector<io::Wait> suspects_;
    std::string last_seen_;
    std::chrono::steady_clock::time_point moved_at_ = std::chrono::steady_clock::now();
    std::jthread thread_;
};

}  // namespace pghaul::cmd
