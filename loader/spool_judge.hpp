// Tells from the streams' wait clocks whether the target is what the copy waits for, so that
// reading ahead into files gains something. Slow to say yes: files cost CPU and disk where pghaul
// runs. Thread: the caller's.
#pragma once

#include <chrono>
#include <deque>

#include "io/progress.hpp"

namespace pghaul::loader {

class SpoolJudge {
  public:
    using Clock = std::chrono::steady_clock;
    /// How far back it looks.
    static constexpr std::chrono::seconds kWindow{5};
    /// The target takes this many times as long as the source. Two servers alike take 1 to 2.
    static constexpr int kTimes = 3;

    /// A copy that ends within this is not worth files: its snapshot is gone soon anyway.
    static constexpr std::chrono::seconds kLongCopy{20};

    /// Whether the rest takes longer than that, at the pace so far. done: share of this run's work
    /// (WorkQueue::share_done()).
    static bool worthwhile(double done, Clock::duration since);

    struct Sample {
        Clock::time_point at;
        /// Of all streams since they began.
        std::chrono::nanoseconds source{0};
        std::chrono::nanoseconds target{0};
    };

    static Sample sample(const io::RunProgress& progress);
    /// To be asked about once a second, with a sample of now.
    bool target_limits(const Sample& now);

  private:
    std::deque<Sample> samples_;
};

}  // namespace pghaul::loader
