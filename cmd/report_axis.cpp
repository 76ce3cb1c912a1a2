#include "cmd/report_axis.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "cmd/report_time.hpp"

namespace pghaul::cmd {
namespace {

constexpr double kGapPixels = 44;
constexpr std::size_t kMostSegments = 8;
// A pause shorter than these seconds, or than this part of the whole work, is shown as it was.
constexpr double kShortSeconds = 10;
constexpr double kShortPart = 0.25;
constexpr double kTickPixels = 76;
// Of a job that took no time that could be measured.
constexpr double kLeastSeconds = 1e-3;

std::vector<BusySpan> merge(const std::vector<BusySpan>& sorted, double pause) {
    std::vector<BusySpan> merged;
    for (const auto& span : sorted) {
        if (!merged.empty() && span.first - merged.back().second <= pause) {
            merged.back().second = std::max(merged.back().second, span.second);
        } else {
            merged.push_back(span);
        }
    }
    return merged;
}

double length_of(const std::vector<BusySpan>& spans) {
    double length = 0;
    for (const auto& [begin, end] : spans) length += end - begin;
    return length;
}

/// The smallest of the steps that clocks are read by which is not below the given one.
double step_from(double seconds) {
    constexpr std::array kSteps = {0.1,    0.2,    0.5,    1.0,     2.0,     5.0,     10.0,
                                   15.0,   30.0,   60.0,   120.0,   300.0,   600.0,   900.0,
                                   1800.0, 3600.0, 7200.0, 10800.0, 21600.0, 43200.0, 86400.0};
    for (const double step : kSteps) {
        if (step >= seconds) return step;
    }
    return 86400.0 * std::ceil(seconds / 86400.0);
}

snapshot::Instant instant_of(double seconds) {
    // Half a millisecond more, so that 5.9999 s, which was 6, is not shown as 5.
    return snapshot::Instant(
        std::chrono::microseconds(static_cast<std::int64_t>(std::llround(seconds * 1e6)) + 500));
}

std::string time_text(double seconds, double step) {
    const auto when = instant_of(seconds);
    if (step >= 60) return format_utc(when, "%H:%M");
    auto text = format_utc(when, "%H:%M:%S");
    if (step < 1) {
        text += fmt::format(".{}", static_cast<int>(std::fmod(epoch_seconds(when), 1.0) * 10));
    }
    return text;
}

}  // namespace

TimeAxis::TimeAxis(std::vector<BusySpan> busy, double left, double width)
    : left_(left), width_(width) {
    std::sort(busy.begin(), busy.end());
    double pause = std::max(kShortSeconds, kShortPart * length_of(merge(busy, 0)));
    auto spans = merge(busy, pause);
    while (spans.size() > kMostSegments) {
        pause *= 2;
        spans = merge(busy, pause);
    }
    const double gaps = static_cast<double>(spans.size() - 1) * kGapPixels;
    scale_ = (width - gaps) / std::max(length_of(spans), kLeastSeconds);
    double x = left;
    for (const auto& [begin, end] : spans) {
        segments_.push_back({begin, end, x});
        x += (end - begin) * scale_ + kGapPixels;
    }
}

double TimeAxis::x(double seconds) const {
    double at = left_;
    for (const auto& segment : segments_) {
        if (seconds < segment.begin) break;
        at = segment.x + (std::min(seconds, segment.end) - segment.begin) * scale_;
    }
    return std::min(at, right());
}

std::vector<TimeAxis::Gap> TimeAxis::gaps() const {
    std::vector<Gap> gaps;
    for (std::size_t i = 1; i < segments_.size(); ++i) {
        gaps.push_back(
            {segments_[i].x - kGapPixels, kGapPixels, segments_[i].begin - segments_[i - 1].end});
    }
    return gaps;
}

std::vector<TimeAxis::Tick> TimeAxis::ticks() const {
    const double step = step_from(kTickPixels / scale_);
    std::vector<Tick> ticks;
    std::string last_day;
    double free_from = left_;
    const auto add = [&](double seconds) {
        const double at = x(seconds);
        if (at < free_from || at > right() - kTickPixels / 2) return;
        const auto day = format_utc(instant_of(seconds), "%b %e");
        ticks.push_back({at, time_text(seconds, step), day == last_day ? "" : day});
        last_day = day;
        free_from = at + kTickPixels * 0.9;
    };
    for (const auto& segment : segments_) {
        add(segment.begin);
        for (double at = std::ceil(segment.begin / step) * step; at <= segment.end; at += step) {
            add(at);
        }
    }
    return ticks;
}

}  // namespace pghaul::cmd
