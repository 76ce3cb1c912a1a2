// Moments and spans of time as a report shows them. All in UTC: the servers and the reader may live
// in different zones. Thread: any; no state.
#pragma once

#include <ctime>
#include <string>

#include "cmd/format.hpp"
#include "snapshot/history.hpp"

namespace pghaul::cmd {

/// As strftime(3) writes it.
inline std::string format_utc(snapshot::Instant when, const char* pattern) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count();
    const auto time = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[64];
    return {text, std::strftime(text, sizeof text, pattern, &parts)};
}

/// 2026-11-26 06:33:46
inline std::string utc_text(snapshot::Instant when) {
    return format_utc(when, "%Y-%m-%d %H:%M:%S");
}

/// 2026-11-26T06:33:46.123Z, for JSON.
inline std::string iso_text(snapshot::Instant when) {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(when).time_since_epoch().count();
    return format_utc(when, "%Y-%m-%dT%H:%M:%S") + fmt::format(".{:03}Z", ms % 1000);
}

/// human_seconds, but milliseconds where it would say "0.0 s".
inline std::string span_text(double seconds) {
    if (seconds < 0.95) return fmt::format("{:.0f} ms", seconds * 1000);
    if (seconds < 86400 * 2) return human_seconds(seconds);
    return fmt::format("{:.1f} d", seconds / 86400);
}

inline double epoch_seconds(snapshot::Instant when) {
    return std::chrono::duration<double>(when.time_since_epoch()).count();
}

}  // namespace pghaul::cmd
