// The end of the time that a command may take (--max-runtime, --stop-at): asked for between steps,
// and an alarm for what must be told.
// Thread: any may ask; an alarm rings in a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "cmd/options.hpp"

namespace pghaul::cmd {

class Deadline {
  public:
    explicit Deadline(const Options& options)
        : at_(options.deadline(std::chrono::system_clock::now())) {}

    bool passed() const { return at_ && std::chrono::system_clock::now() >= *at_; }
    const std::optional<std::chrono::system_clock::time_point>& at() const noexcept { return at_; }

  private:
    std::optional<std::chrono::system_clock::time_point> at_;
};

/// Calls a function once when the time is up, unless it is destroyed before.
class Alarm {
  public:
    Alarm(const Deadline& deadline, std::function<void()> ring) {
        if (!deadline.at()) return;
        thread_ =
            std::jthread([this, at = *deadline.at(), ring = std::move(ring)](std::stop_token stop) {
                std::unique_lock lock(mutex_);
                changed_.wait_until(lock, stop, at, [] { return false; });
                if (!stop.stop_requested()) ring();
            });
    }

  private:
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::jthread thread_;
};

}  // namespace pghaul::cmd
