// The stop signal of a cutover's pause: fires with the run's own, or when the pause has lasted too
// long. What waits on it ends then, and everything is taken back.
// Owner: the command. Thread: any; its own thread watches.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "io/interrupt.hpp"

namespace pghaul::cmd {

class Pause {
  public:
    explicit Pause(const io::Interrupt& run)
        : thread_([this, &run](const std::stop_token& stop) { watch(stop, run); }) {}

    const io::Interrupt& interrupt() const noexcept { return interrupt_; }
    /// From now on, `limit` may pass. Called again, the time begins anew.
    void begin(std::chrono::milliseconds limit) {
        const std::lock_guard guard(mutex_);
        deadline_ = std::chrono::steady_clock::now() + limit;
    }
    /// The pause is over, or was taken back: only the run's signal counts.
    void end() {
        const std::lock_guard guard(mutex_);
        deadline_ = std::chrono::steady_clock::time_point::max();
    }
    /// True if it was the time that fired.
    bool expired() const {
        const std::lock_guard guard(mutex_);
        return expired_;
    }

  private:
    void watch(const std::stop_token& stop, const io::Interrupt& run) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested() && !interrupt_.fired()) {
            expired_ = std::chrono::steady_clock::now() >= deadline_;
            if (expired_ || run.fired()) interrupt_.fire();
            changed_.wait_for(lock, stop, std::chrono::milliseconds(20), [] { return false; });
        }
    }

    io::Interrupt interrupt_;
    mutable std::mutex mutex_;
    std::condition_variable_any changed_;
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
    bool expired_ = false;
    std::jthread thread_;
};

}  // namespace pghaul::cmd
