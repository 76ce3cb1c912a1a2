// Packs the blocks of one agent, as hard as its output leaves time for: measures how long packing
// and sending take and asks an EffortJudge. Memory: pack() keeps 256 kB for each thread that packs
// harder than fast; a pipeline has a handful.
// Thread: pack() any; the others one at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "io/block.hpp"
#include "io/effort_judge.hpp"
#include "io/pack.hpp"

namespace pghaul::io {

/// CPU time that nobody on this host has used since it was started, all cores together. 0 where
/// that can't be known: then nothing is packed harder. Source: proc(5), /proc/uptime.
std::chrono::nanoseconds idle_time();

class LinkPacker {
  public:
    using IdleClock = std::chrono::nanoseconds (*)();
    explicit LinkPacker(IdleClock idle = idle_time) : idle_(idle) {}

    /// A COPY begins. What was learnt from the last one holds on.
    void begin();
    /// As io::pack(). A giant block is packed fast: the link would have nothing to do meanwhile.
    void pack(const Block& block, std::vector<char>& packed);
    /// A block has been sent. blocked: how long that took.
    void sent(std::chrono::nanoseconds blocked);

    PackEffort effort() const noexcept { return effort_; }

  private:
    EffortJudge::Sample sample() const;

    IdleClock idle_;
    EffortJudge judge_;
    std::atomic<PackEffort> effort_{PackEffort::fast};
    std::uint64_t blocks_ = 0;
    std::chrono::nanoseconds blocked_{0};
    std::atomic<std::uint64_t> raw_bytes_{0};
    std::atomic<std::uint64_t> packed_bytes_{0};
    std::atomic<std::int64_t> packing_ns_{0};
};

}  // namespace pghaul::io
