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

/// How long something has been waited for, the wait in hand included.
class WaitClock {
  public:
    void begin() noexcept { since_.store(now(), std::memory_order_relaxed); }
    void end() noexcept {
        const auto since = since_.exchange(0, std::memory_order_relaxed);
        total_.fetch_add(now() - since, std::memory_order_relaxed);
    }
    /// A wait that ends in the middle of this may count twice or not at all, once.
    std::chrono::nanoseconds total() const noexcept {
        const auto since = since_.load(std::memory_order_relaxed);
        const auto open = since == 0 ? 0 : now() - since;
        return std::chrono::nanoseconds(total_.load(std::memory_order_relaxed) + open);
    }

  private:
    static std::int64_t now() noexcept {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(
                   std::chrono::steady_clock::now().time_since_epoch())
            .count();
    }
    std::atomic<std::int64_t> total_{0};
    std::atomic<std::int64_t> since_{0};
};

class Waiting {
  public:
    explicit Waiting(WaitClock& clock) noexcept : clock_(clock) { clock_.begin(); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { clock_.end(); }

  private:
    WaitClock& clock_;
};

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
    /// Time spent on reading rows, and on having the target take them; not on its indexes. Each is
    /// begun and ended by one thread at a time.
    WaitClock& source_time() noexcept { return source_time_; }
    WaitClock& target_time() noexcept { return target_time_; }
    const WaitClock& source_time() const noexcept { return source_time_; }
    const WaitClock& target_time() const noexcept { return target_time_; }
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
    WaitClock source_time_;
    WaitClock target_time_;
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
    /// Units: bytes written into spool files so far, and of the files that are there now.
    std::atomic<std::int64_t> spooled_bytes{0};
    std::atomic<std::int64_t> spool_bytes{0};
    /// Units: milliseconds for which a snapshot was held on the source; the longest of this run.
    std::atomic<std::int64_t> snapshot_ms{0};

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
