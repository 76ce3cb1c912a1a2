// Values as people write them on a command line: sizes, durations, times; and what is said of one
// that can't be read.
// Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "io/error.hpp"

namespace pghaul::cmd {

/// A usage error; passwords of connection strings are taken out of the message.
io::Error usage(const std::string& message);

/// "256MB" → bytes; also kB, GB, TB and plain bytes. Throws: io::Error (usage).
std::int64_t parse_bytes(const std::string& text);
/// "8h", "1h30m", "45s"; plain numbers are seconds. Throws: io::Error (usage).
std::chrono::seconds parse_duration(const std::string& text);
/// As parse_duration, and "500ms". Throws: io::Error (usage).
std::chrono::milliseconds parse_milliseconds(const std::string& text);
/// "06:00" (the next time the local clock shows it) or "2026-11-24 06:00".
/// Throws: io::Error (usage).
std::chrono::system_clock::time_point parse_time(const std::string& text,
                                                 std::chrono::system_clock::time_point now);

}  // namespace pghaul::cmd
