// What the streams are doing, for whoever watches: counters that a stream adds to and a display
// reads. Thread: written by one stream, read by any; no lock on the path of a block.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

namespace pghaul::io {

/// One stream's counters. Units: bytes of the COPY stream, rows.
class StreamProgress {
  public:
    void add_bytes(std::uint64_t bytes) noexcept {
        bytes_.fetch_add(bytes, std::memory_order_relaxed);
        touch();
    }
    void add_rows(std::uint64_t rows) noexcept { rows_.fetch_add(rows, std::memory_order_relaxed); }
    /// What the stream does from now on, e.g. "copy public.orders [1, 500)"; empty: nothing.
    void begin(std::string activity) {
        const std::lock_guard guard(mutex_);
        activity_ = std::move(activity);
        touch();
    }
    void end() { begin({}); }

    std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }
    std::uint64_t rows() const noexcept { return rows_.load(std::memory_order_relaxed); }
    std::string activity() const {
        const std::lock_guard guard(mutex_);
        return activity_;
    }
    /// When it last moved.
    std::chrono::steady_clock::time_point moved_at() const noexcept {
        return std::chrono::steady_clock::time_point(
            std::chrono::steady_clock::duration(moved_at_.load(std::memory_order_relaxed)));
    }

  private:
    void touch() noexcept {
        moved_at_.store(std::chrono::steady_clock::now().time_since_epoch().count(),
                        std::memory_order_relaxed);
    }

    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::uint64_t> rows_{0};
    std::atomic<std::int64_t> moved_at_{
        std::chrono::steady_clock::now().time_since_epoch().count()};
    mutable std::mutex mutex_;
    std::string activity_;
};

/// The whole run's counters. Streams are added before they start and never removed.
struct RunProgress {
    std::atomic<std::int64_t> planned_bytes{0};
    std::atomic<std::int64_t> loaded_bytes{0};
    /// Of loaded_bytes, what earlier runs had loaded.
    std::atomic<std::int64_t> loaded_before_bytes{0};
    std::atomic<int> tables{0};
    std::atomic<int> tables_loaded{0};
    std::atomic<int> tables_finished{0};
    std::atomic<int> retries{0};
    /// What agents have sent, packed; 0 where rows come directly.
    std::atomic<std::uint64_t> received_bytes{0};

    /// Live changes. `following` is set once they are being applied.
    std::atomic<bool> following{false};
    /// Captured changes applied by this process, and those of the window in hand that are not yet.
    std::atomic<std::int64_t> delta_rows{0};
    std::atomic<std::int64_t> pending_rows{0};
    /// Units: milliseconds since the moment of the source that the target shows.
    std::atomic<std::int64_t> lag_ms{0};
    /// Units: captured changes per second, of the last windows.
    std::atomic<std::int64_t> rate_in{0};
    std::atomic<std::int64_t> rate_out{0};

    StreamProgress& add_stream() {
        const std::lock_guard guard(mutex_);
        return streams_.emplace_back();
    }
    template <typename Visit>
    void for_each_stream(Visit visit) const {
        const std::lock_guard guard(mutex_);
        for (const auto& stream : streams_) visit(stream);
    }
    /// The step the run is in, e.g. "copy".
    void begin_step(std::string step) {
        const std::lock_guard guard(mutex_);
        step_ = std::move(step);
    }
    std::string step() const {
        const std::lock_guard guard(mutex_);
        return step_;
    }

  private:
    mutable std::mutex mutex_;
    std::deque<StreamProgress> streams_;
    std::string step_;
};

}  // namespace pghaul::io
