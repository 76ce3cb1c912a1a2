#include "cmd/option_values.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ctime>
#include <map>
#include <regex>

namespace pghaul::cmd {
namespace {

/// A connection string in the wrong place must not bring its password onto a screen or into a log.
std::string without_passwords(const std::string& text) {
    static const std::regex in_uri(R"((://[^/\s:@]*):\S*@)");
    static const std::regex in_pairs(R"((password\s*=\s*)('(\\.|[^'\\])*'?|[^\s&]+))",
                                     std::regex::icase);
    return std::regex_replace(std::regex_replace(text, in_uri, "$1@"), in_pairs, "$1...");
}

}  // namespace

io::Error usage(const std::string& message) {
    return io::Error(without_passwords(message))
        .exit_code(io::ExitCode::usage)
        .hint("see pghaul --help");
}

std::int64_t parse_bytes(const std::string& text) {
    std::size_t used = 0;
    double number = 0;
    try {
        number = std::stod(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    std::string unit = text.substr(used);
    std::transform(unit.begin(), unit.end(), unit.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    static const std::map<std::string, int> kShifts = {{"", 0},   {"b", 0},   {"k", 10}, {"kb", 10},
                                                       {"m", 20}, {"mb", 20}, {"g", 30}, {"gb", 30},
                                                       {"t", 40}, {"tb", 40}};
    const auto shift = kShifts.find(unit);
    const bool begins_well = !text.empty() && text.front() >= '0' && text.front() <= '9';
    const double bytes = shift == kShifts.end() ? -1 : std::ldexp(number, shift->second);
    if (!begins_well || !(bytes >= 0) || bytes > 1e18) {
        throw usage("not a size: " + text + " (write 256MB, 1GB)");
    }
    return static_cast<std::int64_t>(bytes);
}

std::chrono::seconds parse_duration(const std::string& text) {
    std::int64_t total = 0;
    std::int64_t number = -1;
    for (const char c : text) {
        if (c >= '0' && c <= '9') {
            number = std::max<std::int64_t>(number, 0) * 10 + (c - '0');
            if (number > 100'000'000) break;
            continue;
        }
        const std::int64_t unit = c == 'd'   ? 86400
                                  : c == 'h' ? 3600
                                  : c == 'm' ? 60
                                  : c == 's' ? 1
                                             : 0;
        if (unit == 0 || number < 0) throw usage("not a duration: " + text + " (write 8h, 90m)");
        total += number * unit;
        number = -1;
    }
    if (number >= 0) total += number;
    if (total <= 0 || total > 100'000'000) {
        throw usage("not a duration: " + text + " (write 8h, 90m)");
    }
    return std::chrono::seconds(total);
}

std::chrono::milliseconds parse_milliseconds(const std::string& text) {
    if (!text.ends_with("ms")) return parse_duration(text);
    const auto number = text.substr(0, text.size() - 2);
    if (number.empty() || number.size() > 9 ||
        number.find_first_not_of("0123456789") != number.npos || std::stol(number) == 0) {
        throw usage("not a duration: " + text + " (write 500ms, 2s)");
    }
    return std::chrono::milliseconds(std::stol(number));
}

std::chrono::system_clock::time_point parse_time(const std::string& text,
                                                 std::chrono::system_clock::time_point now) {
    const std::time_t now_t = std::chrono::system_clock::to_time_t(now);
    std::tm when{};
    ::localtime_r(&now_t, &when);
    const char* end = nullptr;
    const bool full = text.find('-') != std::string::npos;
    when.tm_sec = 0;
    if (full) {
        end = ::strptime(text.c_str(),
                         text.find('T') != std::string::npos ? "%Y-%m-%dT%H:%M" : "%Y-%m-%d %H:%M",
                         &when);
    } else {
        end = ::strptime(text.c_str(), "%H:%M", &when);
    }
    if (end == nullptr || *end != '\0') {
        throw usage("not a time: " + text + " (write 06:00 or '2026-11-24 06:00')");
    }
    when.tm_isdst = -1;
    const int day = when.tm_mday;
    std::time_t at = std::mktime(&when);
    // mktime would take 30 February for 2 March.
    if (when.tm_mday != day) throw usage("there is no such day: " + text);
    if (!full && at <= now_t) {
        ++when.tm_mday;
        when.tm_isdst = -1;
        at = std::mktime(&when);
    }
    if (at <= now_t) throw usage("that time is over: " + text);
    return std::chrono::system_clock::from_time_t(at);
}

}  // namespace pghaul::cmd
