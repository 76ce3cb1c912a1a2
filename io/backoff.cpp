#include "io/backoff.hpp"

#include <algorithm>
#include <random>

namespace pghaul::io {

std::chrono::milliseconds Backoff::next_pause() {
    thread_local std::minstd_rand random{std::random_device{}()};
    const auto full = std::min(kFirstPause * (1 << failures_), kLongestPause);
    ++failures_;
    // Jitter, so that streams which failed together do not come back together.
    const auto half = static_cast<unsigned>(full.count() / 2);
    return full / 2 + std::chrono::milliseconds(random() % (half + 1));
}

}  // namespace pghaul::io
