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
    static constexpr std::chrono::milliseconds kWindow{400};
    static constexpr std::uint64_t kBlocks = 8;
    /// Units: windows.
    static constexpr int kLongestRest = 32;

    /// Totals since some beginning; `packing` is CPU time of all threads.
    struct Sample {
        Clock::time_point at;
        std::uint64_t blocks = 0;
        std::uint64_t raw_bytes = 0;
        std::uint64_t packed_bytes = 0;
        std::chrono::nanoseconds blocked{0};
        std::chrono::nanoseconds packing{0};
        /// In which a core of this host had nothing to do, all cores together.
        std::chrono::nanoseconds idle{0};
    };

    /// Whether it is time for a verdict.
    bool due(Clock::time_point at, std::uint64_t blocks) const {
        return at - then_.at >= kWindow && blocks - then_.blocks >= kBlocks;
    }
    /// The verdict. Requires: due().
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
