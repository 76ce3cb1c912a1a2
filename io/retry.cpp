#include "io/retry.hpp"

#include <spdlog/spdlog.h>

#include <chrono>

namespace pghaul::io {

void Retry::pause(const Error& error, const std::string& what) {
    progress_.retries.fetch_add(1);
    const auto pause = backoff_.next_pause();
    spdlog::warn("{}\ntrying again in {:.1f} s ({} of {})", error.report(),
                 std::chrono::duration<double>(pause).count(), backoff_.failures(),
                 Backoff::kAttempts - 1);
    const auto activity = stream_ != nullptr ? stream_->activity() : std::string();
    if (stream_ != nullptr) stream_->begin("waiting to retry: " + what);
    interrupt_.sleep_ms(static_cast<int>(pause.count()));
    if (stream_ != nullptr) stream_->begin(activity);
}

void Retry::pause_or_rethrow(const Error& error, const std::string& what) {
    if (!allows(error)) throw;
    pause(error, what);
}

}  // namespace pghaul::io
