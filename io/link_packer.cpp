#include "io/link_packer.hpp"

#include <ctime>
#include <fstream>

namespace pghaul::io {
namespace {

/// CPU time of this thread.
std::chrono::nanoseconds cpu_time() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

std::chrono::nanoseconds idle_time() {
    double up_s = 0;
    double idle_s = 0;
    std::ifstream("/proc/uptime") >> up_s >> idle_s;
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(idle_s));
}

void LinkPacker::begin() { judge_.go_on(sample()); }

void LinkPacker::pack(const Block& block, std::vector<char>& packed) {
    const auto before = cpu_time();
    const bool giant = block.bytes.size() > kGiantBytes;
    io::pack(block, packed, giant ? PackEffort::fast : effort());
    raw_bytes_ += block.bytes.size();
    packed_bytes_ += packed.size();
    packing_ns_ += (cpu_time() - before).count();
}

void LinkPacker::sent(std::chrono::nanoseconds blocked) {
    ++blocks_;
    blocked_ += blocked;
    if (judge_.due(EffortJudge::Clock::now(), blocks_)) effort_ = judge_.effort(sample());
}

EffortJudge::Sample LinkPacker::sample() const {
    return {EffortJudge::Clock::now(),
            blocks_,
            raw_bytes_,
            packed_bytes_,
            blocked_,
            std::chrono::nanoseconds(packing_ns_),
            idle_()};
}

}  // namespace pghaul::io
