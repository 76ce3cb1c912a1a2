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
    const auto blocked = now.blocked - then_.blocked;
    const auto packing = now.packing - then_.packing;
    const auto idle = now.idle - then_.idle;
    const bool shrinks =
        (now.packed_bytes - then_.packed_bytes) * 20 < (now.raw_bytes - then_.raw_bytes) * 19;
    then_ = now;
    // Without a core to spare, packing takes it from the server, or from all of a move that is on
    // one machine.
    const bool too_hard = blocked < wall / 8 || idle < wall / 10 || !shrinks;
    if (effort_ != PackEffort::fast && too_hard) {
        effort_ = step(effort_, -1);
        rest_ = next_rest_;
        next_rest_ = std::min(2 * next_rest_, kLongestRest);
        return effort_;
    }
    if (rest_ > 0) {
        --rest_;
        return effort_;
    }
    // What packing takes longer must fit twice: into the time in which the output takes nothing,
    // as one block is packed beside another's sending, and into that of idle cores.
    const auto more = packing * (times_of_next(effort_) - 1);
    const bool fits = blocked >= wall / 2 && more <= blocked / 2 && more <= idle / 2;
    if (effort_ != PackEffort::hardest && fits && !too_hard) effort_ = step(effort_, +1);
    return effort_;
}

}  // namespace pghaul::io
