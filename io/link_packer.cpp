#include "io/link_packer.hpp"

#include <ctime>

namespace pghaul::io {
namespace {

/// CPU time of this thread.
std::chrono::nanoseconds cpu_time() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

void LinkPacker::begin() { judge_.go_on(sample()); }

void LinkPacker::pack(const Block& block, std::vector<char>& packed) {
    const auto began = EffortJudge::Clock::now();
    const auto cpu_before = cpu_time();
    const bool giant = block.bytes.size() > kGiantBytes;
    io::pack(block, packed, giant ? PackEffort::fast : effort());
    raw_bytes_ += block.bytes.size();
    packed_bytes_ += packed.size();
    packing_cpu_ns_ += (cpu_time() - cpu_before).count();
    packing_ns_ += std::chrono::nanoseconds(EffortJudge::Clock::now() - began).count();
}

void LinkPacker::sent(std::chrono::nanoseconds blocked) {
    ++blocks_;
    blocked_ += blocked;
    effort_ = judge_.effort(sample());
}

EffortJudge::Sample LinkPacker::sample() const {
    return {EffortJudge::Clock::now(),
            blocks_,
            raw_bytes_,
            packed_bytes_,
            blocked_,
            std::chrono::nanoseconds(packing_ns_),
            std::chrono::nanoseconds(packing_cpu_ns_)};
}

}  // namespace pghaul::io
