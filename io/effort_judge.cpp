#include "io/effort_judge.hpp"

#include <algorithm>

namespace pghaul::io {
namespace {

/// How many times as long the next effort takes. Source: docs/benchmarks.md.
int times_of_next(PackEffort effort) { return effort == PackEffort::fast ? 5 : 2; }

PackEffort step(PackEffort effort, int by) {
    return static_cast<PackEffort>(static_cast<int>(effort) + by);
}

}  // namespace

PackEffort EffortJudge::effort(const Sample& now) {
    const auto wall = now.at - then_.at;
    if (wall < kWindow || now.blocks - then_.blocks < kBlocks) return effort_;
    const auto blocked = now.blocked - then_.blocked;
    const auto packing = now.packing - then_.packing;
    // Others want the cores: the server here, or all of a move that is on one machine.
    const bool contended = (now.packing_cpu - then_.packing_cpu) * 3 < packing * 2;
    const bool shrinks =
        (now.packed_bytes - then_.packed_bytes) * 20 < (now.raw_bytes - then_.raw_bytes) * 19;
    then_ = now;
    if (effort_ != PackEffort::fast && (blocked < wall / 8 || contended || !shrinks)) {
        effort_ = step(effort_, -1);
        rest_ = next_rest_;
        next_rest_ = std::min(2 * next_rest_, kLongestRest);
        return effort_;
    }
    if (rest_ > 0) {
        --rest_;
        return effort_;
    }
    // Half of the time in which the pipe takes nothing must do for what packing takes longer.
    const auto more = packing * (times_of_next(effort_) - 1);
    if (effort_ != PackEffort::hardest && blocked >= wall / 2 && more <= blocked / 2 &&
        !contended && shrinks) {
        effort_ = step(effort_, +1);
    }
    return effort_;
}

}  // namespace pghaul::io
