#include "cmd/report_svg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "cmd/html.hpp"
#include "cmd/report_axis.hpp"
#include "cmd/report_time.hpp"

namespace pghaul::cmd {
namespace {

constexpr double kWidth = 1060;
constexpr double kLabels = 140;
constexpr double kRight = 90;
constexpr double kStepHeight = 22;
constexpr double kRateHeight = 90;
constexpr double kBucket = 4;      // of the curve of rates
constexpr double kLeastBar = 1.2;  // below, bars could not be told apart
constexpr std::size_t kColours = 5;
constexpr std::size_t kFewLanes = 24;

std::string open_svg(double height, const std::string& label) {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" "
        "aria-label=\"{}\">\n",
        kWidth, height, escape_html(label));
}

std::string rect(const char* css_class, double x, double y, double width, double height,
                 const std::string& title = {}) {
    const auto open = fmt::format(
        "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
        "height=\"{:.1f}\"",
        css_class, x, y, width, height);
    if (title.empty()) return open + "/>\n";
    return open + "><title>" + escape_html(title) + "</title></rect>\n";
}

std::string words(const char* css_class, double x, double y, std::string_view text) {
    return fmt::format("<text class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", css_class, x, y,
                       escape_html(text));
}

std::string line(double x1, double y1, double x2, double y2) {
    return fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x1, y1,
        x2, y2);
}

/// Ticks, days and gaps over a figure that ends at `bottom`.
std::string axis_svg(const TimeAxis& axis, double top, double bottom) {
    std::string all;
    for (const auto& tick : axis.ticks()) {
        all += line(tick.x, top, tick.x, bottom + 4);
        all += words("tick", tick.x, bottom + 16, tick.time);
        if (!tick.day.empty()) all += words("tick", tick.x, bottom + 29, tick.day);
    }
    for (const auto& gap : axis.gaps()) {
        all += rect("gap", gap.x + 3, top, gap.width - 6, bottom - top,
                    "nothing for " + span_text(gap.seconds));
        all += words("gap-label", gap.x + gap.width / 2, top + 12, span_text(gap.seconds));
    }
    return all;
}

std::string chunk_title(const Report& report, const ReportChunk& chunk) {
    const auto took = epoch_seconds(chunk.ended) - epoch_seconds(chunk.begun);
    const auto bytes = human_bytes(static_cast<double>(chunk.sent_bytes));
    if (chunk.table < 0) return fmt::format("large objects: {} in {}", bytes, span_text(took));
    const auto place = static_cast<std::size_t>(chunk.table);
    if (place >= report.tables.size()) return bytes;
    const auto& table = report.tables[place];
    return fmt::format("{}{}: {} rows, {} in {}", table.name,
                       table.chunks > 1
                           ? fmt::format(", chunk {} of {}", chunk.number + 1, table.chunks)
                           : std::string(),
                       human_count(chunk.rows), bytes, span_text(took));
}

/// One lane's chunks. Bars thinner than can be seen join their neighbours.
class LaneDrawer {
  public:
    LaneDrawer(const Report& report, const TimeAxis& axis) : report_(report), axis_(axis) {
        const auto coloured = coloured_tables(report);
        for (std::size_t i = 0; i < coloured.size(); ++i) {
            classes_.emplace_back(static_cast<int>(coloured[i]), fmt::format("c{}", i));
        }
    }

    void add(const ReportChunk& chunk, double y, double height) {
        const double begin = axis_.x(epoch_seconds(chunk.begun));
        const double end = axis_.x(epoch_seconds(chunk.ended));
        const auto css_class = class_of(chunk);
        const bool thin = end - begin < kLeastBar;
        // Bars of the same colour that touch are told apart by a hair of background between them.
        if (bar_ && bar_->y == y && thin && bar_->thin && bar_->css_class == css_class &&
            begin - bar_->end < kLeastBar && end - bar_->begin < 4 * kLeastBar) {
            bar_->end = std::max(bar_->end, end);
            ++bar_->chunks;
            return;
        }
        draw();
        bar_ = Bar{begin, end, y, height, thin, css_class, chunk_title(report_, chunk), 1};
    }

    std::string finish() {
        draw();
        return std::move(all_);
    }

  private:
    struct Bar {
        double begin = 0;
        double end = 0;
        double y = 0;
        double height = 0;
        bool thin = false;
        std::string css_class;
        std::string title;
        int chunks = 1;
    };

    std::string class_of(const ReportChunk& chunk) const {
        if (chunk.table < 0) return "objects";
        for (const auto& [table, css_class] : classes_) {
            if (table == chunk.table) return css_class;
        }
        return "other";
    }

    void draw() {
        if (!bar_) return;
        if (bar_->chunks > 1) bar_->title += fmt::format(" … and {} more", bar_->chunks - 1);
        const double width = std::max(bar_->end - bar_->begin - 0.4, 0.6);
        all_ +=
            rect(bar_->css_class.c_str(), bar_->begin, bar_->y, width, bar_->height, bar_->title);
        bar_.reset();
    }

    const Report& report_;
    const TimeAxis& axis_;
    std::vector<std::pair<int, std::string>> classes_;
    std::optional<Bar> bar_;
    std::string all_;
};

/// Bytes per second for each piece of kBucket pixels: a chunk's bytes are spread over its time.
std::vector<double> rates(const Report& report, const TimeAxis& axis) {
    const auto width = axis.right() - axis.left();
    std::vector<double> buckets(static_cast<std::size_t>(width / kBucket) + 1);
    for (const auto& chunk : report.chunks) {
        const double begin = (axis.x(epoch_seconds(chunk.begun)) - axis.left()) / kBucket;
        const double end = (axis.x(epoch_seconds(chunk.ended)) - axis.left()) / kBucket;
        const auto bytes = static_cast<double>(chunk.sent_bytes);
        auto bucket = static_cast<std::size_t>(begin);
        if (end - begin < 1e-6) {
            buckets[bucket] += bytes;
            continue;
        }
        for (; bucket < buckets.size() && static_cast<double>(bucket) < end; ++bucket) {
            const auto at = static_cast<double>(bucket);
            const double part = std::min(at + 1, end) - std::max(at, begin);
            buckets[bucket] += bytes * part / (end - begin);
        }
    }
    for (auto& bucket : buckets) bucket *= axis.pixels_per_second() / kBucket;
    return buckets;
}

std::string rate_svg(const Report& report, const TimeAxis& axis, double top) {
    const auto all = rates(report, axis);
    const double most = std::max(*std::max_element(all.begin(), all.end()), 1.0);
    const double bottom = top + kRateHeight;
    std::string path = fmt::format("M{:.0f} {:.0f}", axis.left(), bottom);
    double x = axis.left();
    for (const double rate : all) {
        const double end = std::min(x + kBucket, axis.right());
        const double y = bottom - rate / most * kRateHeight;
        fmt::format_to(std::back_inserter(path), "V{:.1f}H{:.1f}", y, end);
        x = end;
    }
    return line(axis.left(), top, axis.right(), top) +
           words("label", kLabels - 10, top + 10, human_bytes(most) + "/s") +
           fmt::format("<path class=\"rate\" d=\"{}V{:.0f}Z\"/>\n", path, bottom);
}

}  // namespace

std::vector<std::size_t> coloured_tables(const Report& report) {
    std::vector<std::size_t> tables;
    for (std::size_t i = 0; i < report.tables.size(); ++i) {
        if (report.tables[i].loaded > 0) tables.push_back(i);
    }
    std::stable_sort(tables.begin(), tables.end(), [&](std::size_t a, std::size_t b) {
        return report.tables[a].sent_bytes > report.tables[b].sent_bytes;
    });
    if (tables.size() > kColours) tables.resize(kColours);
    return tables;
}

std::string steps_svg(const Report& report) {
    if (report.steps.empty()) return {};
    std::vector<BusySpan> busy;
    for (const auto& step : report.steps) {
        for (const auto& [begin, end] : step.parts) {
            busy.emplace_back(epoch_seconds(begin), epoch_seconds(end));
        }
    }
    const TimeAxis axis(std::move(busy), kLabels, kWidth - kLabels - kRight);
    const double bottom = 6 + static_cast<double>(report.steps.size()) * kStepHeight;
    auto all = open_svg(bottom + 34, "steps of the job over time") + axis_svg(axis, 4, bottom);
    double y = 6;
    for (const auto& step : report.steps) {
        const auto took = span_text(step.seconds) + (step.under_way ? " so far" : "");
        const char* css_class = step.under_way ? "bar now" : "bar";
        all += words("label", kLabels - 10, y + 14, step.name);
        double end = kLabels;
        for (const auto& [part_begun, part_ended] : step.parts) {
            const double begin = axis.x(epoch_seconds(part_begun));
            const double width = std::max(axis.x(epoch_seconds(part_ended)) - begin, 1.5);
            end = begin + width;
            all += rect(css_class, begin, y + 3, width, kStepHeight - 8, step.name + ": " + took);
        }
        all += words("took", end + 6, y + 14, took);
        y += kStepHeight;
    }
    return all + "</svg>\n";
}

std::string copy_svg(const Report& report) {
    if (report.chunks.empty()) return {};
    std::vector<BusySpan> busy;
    for (const auto& chunk : report.chunks) {
        busy.emplace_back(epoch_seconds(chunk.begun), epoch_seconds(chunk.ended));
    }
    const TimeAxis axis(std::move(busy), kLabels, kWidth - kLabels - 20);
    const double top = 6;
    const double lanes_top = top + kRateHeight + 14;
    const auto lanes = static_cast<std::size_t>(report.lanes);
    const double pitch = lanes <= kFewLanes ? 20 : 7;
    const double bottom = lanes_top + static_cast<double>(lanes) * pitch;
    auto all = open_svg(bottom + 34, "bytes per second, and what each stream loaded when") +
               axis_svg(axis, top, bottom) + rate_svg(report, axis, top);
    LaneDrawer drawer(report, axis);
    for (const auto& chunk : report.chunks) {
        drawer.add(chunk, lanes_top + chunk.lane * pitch, pitch - (pitch > 10 ? 4 : 1));
    }
    all += drawer.finish();
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        if (lanes > kFewLanes && lane % 8 != 0) continue;
        all += words("label", kLabels - 10, lanes_top + static_cast<double>(lane) * pitch + 12,
                     fmt::format("stream {}", lane + 1));
    }
    return all + "</svg>\n";
}

}  // namespace pghaul::cmd
