// Calls a function once when a moment of the clock has come, unless it is destroyed before.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace pghaul::cmd {

class Alarm {
  public:
    Alarm(std::optional<std::chrono::system_clock::time_point> at, std::function<void()> ring) {
        if (!at) return;
        thread_ = std::jthread([this, at = *at, ring = std::move(ring)](std::stop_token stop) {
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
