// Numbers as people read them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace pghaul::cmd {

inline std::string human_bytes(double bytes) {
    const char* units[] = {"B", "kB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < std::size(units)) {
        bytes /= 1000;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", bytes, unit == 0 ? 0 : 1, units[unit]);
}

inline std::string human_seconds(double seconds) {
    if (seconds < 60) return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<std::int64_t>(seconds);
    if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
    return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

/// 1234567 as 1,234,567.
inline std::string human_count(std::int64_t count) {
    std::string text = std::to_string(count);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > (count < 0 ? 1 : 0);
         at -= 3) {
        text.insert(static_cast<std::size_t>(at), ",");
    }
    return text;
}

/// A server's version as numbers count it: 150018 as 15.18, 90624 as 9.6.24.
inline std::string version_text(int version) {
    if (version >= 100000) return fmt::format("{}.{}", version / 10000, version % 10000);
    return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

/// Control characters of odd identifiers must not reach a terminal.
inline std::string printable(const std::string& text) {
    std::string safe;
    for (const char c : text) {
        if (c == '\n') {
            safe += "\\n";
        } else if (static_cast<unsigned char>(c) < 32 || c == 127) {
            safe += '?';
        } else {
            safe += c;
        }
    }
    return safe;
}

}  // namespace pghaul::cmd
