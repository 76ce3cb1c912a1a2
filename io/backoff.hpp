// How often, and how patiently, failed work is done again. Streams and steps share it, so that both
// outlast the restart of a server. Not for: deciding whether work may be done twice at all; the
// caller knows that.
// Thread: one object belongs to one piece of work.
#pragma once

#include <chrono>

#include "io/error.hpp"

namespace pghaul::io {

class Backoff {
  public:
    /// Attempts in all. With the pauses below they take about 16 s and as many openings of a
    /// connection, which outlasts the restart of a server but not a night.
    static constexpr int kAttempts = 8;
    /// 0.25 + 0.5 + 1 + … + 8 s
    static constexpr std::chrono::milliseconds kFirstPause{250};
    static constexpr std::chrono::milliseconds kLongestPause{8000};

    /// True if the work may be tried again after this error.
    bool allows(const Error& error) const noexcept {
        return error.retryable() && failures_ + 1 < kAttempts;
    }
    /// Notes one more failure. Returns: how long to wait before the next attempt.
    std::chrono::milliseconds next_pause();
    int failures() const noexcept { return failures_; }

  private:
    int failures_ = 0;
};

}  // namespace pghaul::io
