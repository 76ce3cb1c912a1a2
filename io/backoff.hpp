// How often and after which pauses something that may pass by itself is tried again.
#pragma once

#include <algorithm>
#include <random>

namespace pghaul::io {

/// 0.25 + 0.5 + 1 + … + 8 s: about 16 s and eight openings of a connection, which outlasts the
/// restart of a server but not a night.
inline constexpr int kAttempts = 8;

/// Units: milliseconds; attempt counts from 1. With jitter, so that streams which failed together
/// do not come back together.
inline int backoff_ms(int attempt) {
    constexpr int kFirst = 250;
    constexpr int kLongest = 8000;
    thread_local std::minstd_rand random{std::random_device{}()};
    const int full = std::min(kFirst << std::min(attempt - 1, 10), kLongest);
    return full / 2 + static_cast<int>(random() % static_cast<unsigned>(full / 2 + 1));
}

}  // namespace pghaul::io
