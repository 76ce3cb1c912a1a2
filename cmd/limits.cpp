#include "cmd/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace pghaul::cmd {
namespace {

constexpr double kWorthNaming = 0.05;

/// By stream, what its sessions of this role ("write", "read") do; parallel workers have their
/// leader's name.
std::map<std::string, std::vector<std::string>> by_stream(const Limits::Sessions& sessions,
                                                          std::string_view role) {
    std::map<std::string, std::vector<std::string>> streams;
    for (const auto& [name, wait] : sessions) {
        const std::string last = name.substr(name.rfind('/') + 1);
        if (last.starts_with(role)) streams[last.substr(role.size())].push_back(wait);
    }
    return streams;
}

bool waits_for_us(const std::string& wait) { return wait.starts_with("Client:"); }

std::string said(const char* side, const std::string& wait) {
    return wait.empty() ? std::string(side) + " works" : std::string(side) + " waits for " + wait;
}

}  // namespace

void Limits::add(const Sessions& source, const Sessions& target) {
    const auto readers = by_stream(source, "read ");
    auto writers = by_stream(target, "write ");
    for (const auto& [stream, waits] : readers) writers.try_emplace(stream);
    std::map<std::string, int> look;
    for (const auto& [stream, waits] : writers) {
        bool limited = false;
        for (const auto& wait : waits) {
            if (waits_for_us(wait)) continue;
            ++look[said("target", wait)];
            limited = true;
        }
        if (limited) continue;
        // The target has nothing to do: whose turn is it?
        const auto reader = readers.find(stream);
        const bool reads = reader != readers.end() && !waits_for_us(reader->second.front());
        ++look[reads ? said("source", reader->second.front()) : "pghaul or the network"];
    }
    if (look.empty()) return;
    looks_.push_back(std::move(look));
    if (looks_.size() > kLooks) looks_.pop_front();
}

std::vector<Limit> Limits::shares() const {
    std::map<std::string, int> counts;
    int all = 0;
    for (const auto& look : looks_) {
        for (const auto& [what, count] : look) {
            counts[what] += count;
            all += count;
        }
    }
    std::vector<Limit> limits;
    for (const auto& [what, count] : counts) {
        const double share = static_cast<double>(count) / all;
        if (share >= kWorthNaming) limits.push_back({what, share});
    }
    std::stable_sort(limits.begin(), limits.end(),
                     [](const Limit& a, const Limit& b) { return a.share > b.share; });
    return limits;
}

std::string to_text(const std::vector<Limit>& limits) {
    std::string text;
    for (const auto& limit : limits) {
        text += fmt::format("{} {} {:.0f} %", text.empty() ? "limits:" : ",", limit.what,
                            limit.share * 100);
    }
    return text;
}

}  // namespace pghaul::cmd
