// Tells how hard to pack what goes over a pipe: harder, a step at a time, while the pipe is what
// the sender waits for and packing has time and cores to spare; less hard when it has not. A step
// down is followed by a rest, which grows, so that two steps do not take turns.
// Not for: measuring (link_packer.hpp). Thread: the caller's.
#pragma once

#include <chrono>
#include <cstdint>

#include "io/pack.hpp"

namespace pghaul::io {

class EffortJudge {
  public:
    using Clock = std::chrono::steady_clock;
    /// What a verdict is made of, at least.
    static constexpr std::chrono::milliseconds kWindow{200};
    static constexpr std::uint64_t kBlocks = 8;
    /// Units: windows.
    static constexpr int kLongestRest = 64;

    /// Totals since some beginning; `packing` is of all threads.
    struct Sample {
        Clock::time_point at;
        std::uint64_t blocks = 0;
        std::uint64_t raw_bytes = 0;
        std::uint64_t packed_bytes = 0;
        std::chrono::nanoseconds blocked{0};
        std::chrono::nanoseconds packing{0};
        /// The part of `packing` in which it had a core.
        std::chrono::nanoseconds packing_cpu{0};
    };

    /// To be asked after each block.
    PackEffort effort(const Sample& now);
    /// Nothing was sent between the last sample and this one, for reasons that say nothing.
    void go_on(const Sample& now) { then_ = now; }

  private:
    PackEffort effort_ = PackEffort::fast;
    Sample then_;
    int rest_ = 0;
    int next_rest_ = 1;
};

}  // namespace pghaul::io
