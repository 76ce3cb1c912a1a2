#include "cmd/progress_view.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "cmd/console.hpp"
#include "cmd/format.hpp"

namespace pghaul::cmd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBarTick{500};
constexpr std::chrono::seconds kPlainTick{10};
// How much the newest reading counts in the rate shown.
constexpr double kRateWeight = 0.2;

ProgressMode effective_mode(ProgressMode chosen) {
    if (chosen != ProgressMode::automatic) return chosen;
    return Console::get().is_terminal() ? ProgressMode::bar : ProgressMode::plain;
}

std::string cut(std::string text, std::size_t width) {
    if (text.size() <= width) return text;
    std::size_t end = width - 1;
    // Not in the middle of a UTF-8 character.
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

/// As the text format of Prometheus writes the value of a label.
std::string label(const std::string& value) {
    std::string escaped;
    for (const char c : value) {
        if (c == '\\' || c == '"') escaped += '\\';
        escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return escaped;
}

}  // namespace

ProgressView::ProgressView(const Options& options, const io::RunProgress& progress,
                           const Watch& watch)
    : options_(options),
      progress_(progress),
      watch_(watch),
      mode_(effective_mode(options.progress)),
      thread_([this](const std::stop_token& stop) { body(stop); }) {}

ProgressView::~ProgressView() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    const Sample last = sample();
    if (mode_ == ProgressMode::bar) Console::get().show({});
    if (mode_ == ProgressMode::json) print_json(last);
    write_metrics(last);
}

void ProgressView::body(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any changed;
    auto next_line = Clock::now() + kPlainTick;
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex);
            changed.wait_for(lock, stop, kBarTick, [] { return false; });
        }
        if (stop.stop_requested()) return;
        const Sample now = sample();
        if (mode_ == ProgressMode::bar) show_bar(now);
        if (Clock::now() < next_line) continue;
        next_line += kPlainTick;
        if (mode_ == ProgressMode::plain) print_plain(now);
        if (mode_ == ProgressMode::json) print_json(now);
        write_metrics(now);
    }
}

ProgressView::Sample ProgressView::sample() {
    Sample now;
    now.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    progress_.for_each_stream([&](const io::StreamProgress& stream) {
        now.bytes += stream.bytes();
        now.rows += stream.rows();
    });
    if (now.seconds > last_seconds_) {
        const double current =
            static_cast<double>(now.bytes - last_bytes_) / (now.seconds - last_seconds_);
        rate_ += kRateWeight * (current - rate_);
        last_bytes_ = now.bytes;
        last_seconds_ = now.seconds;
    }
    now.rate = rate_;
    const auto planned = static_cast<double>(progress_.planned_bytes.load());
    if (planned > 0) {
        // COPY's form of a row and its size on disk differ, so what is marked as loaded leads and
        // what is under way only fills the gap.
        const auto loaded = static_cast<double>(progress_.loaded_bytes.load());
        const auto before = static_cast<double>(progress_.loaded_before_bytes.load());
        const double moved = std::min(before + static_cast<double>(now.bytes), planned * 0.99);
        now.fraction = std::min(1.0, std::max(loaded, moved) / planned);
        if (now.fraction > before / planned) {
            now.seconds_left = now.seconds * (1 - now.fraction) / (now.fraction - before / planned);
        }
    }
    return now;
}

/// What matters once changes are being applied: how far behind, and whether that shrinks.
std::string ProgressView::live_summary() const {
    const auto in = progress_.rate_in.load();
    const auto out = progress_.rate_out.load();
    const auto pending = progress_.pending_rows.load();
    std::string text =
        fmt::format("{}: {:.1f} s behind, {} changes pending, {} applied; in {}/s, out {}/s",
                    progress_.step(), static_cast<double>(progress_.lag_ms.load()) / 1000, pending,
                    progress_.delta_rows.load(), in, out);
    if (pending > 0 && in > 0 && out <= in) text += "; does not converge at this rate";
    if (const int retries = progress_.retries.load(); retries > 0) {
        text += fmt::format(", {} retries", retries);
    }
    return text;
}

std::string ProgressView::summary(const Sample& sample) const {
    if (progress_.following) return live_summary();
    if (progress_.planned_bytes.load() == 0 && sample.bytes == 0) {
        return fmt::format("{}, {} since the start", progress_.step(),
                           human_seconds(sample.seconds));
    }
    std::string text =
        fmt::format("{}: {:.0f} % of {}, {} rows, {}/s", progress_.step(), sample.fraction * 100,
                    human_bytes(static_cast<double>(progress_.planned_bytes.load())), sample.rows,
                    human_bytes(sample.rate));
    if (options_.command == Command::run) {
        text += fmt::format(", tables {} loaded {} finished of {}", progress_.tables_loaded.load(),
                            progress_.tables_finished.load(), progress_.tables.load());
    }
    if (const auto received = progress_.received_bytes.load(); received > 0) {
        text += fmt::format(", {} over the link", human_bytes(static_cast<double>(received)));
    }
    if (const auto bytes = progress_.spool_bytes.load(); bytes > 0) {
        text += fmt::format(", {} in the spool", human_bytes(static_cast<double>(bytes)));
    }
    if (progress_.step() == "copy" && sample.seconds_left > 0) {
        text += ", rows done in about " + human_seconds(sample.seconds_left);
    }
    if (const int retries = progress_.retries.load(); retries > 0) {
        text += fmt::format(", {} retries", retries);
    }
    return text;
}

void ProgressView::show_bar(const Sample& sample) const {
    const std::size_t width = Console::get().width();
    constexpr std::size_t kCells = 30;
    const auto full = static_cast<std::size_t>(sample.fraction * kCells);
    std::vector<std::string> lines;
    if (!progress_.following && progress_.planned_bytes.load() > 0) {
        lines.push_back(
            cut(fmt::format("[{}{}] {}", std::string(full, '#'), std::string(kCells - full, '.'),
                            human_seconds(sample.seconds)),
                width));
    }
    lines.push_back(cut(summary(sample), width));
    int number = 0;
    progress_.for_each_stream([&](const io::StreamProgress& stream) {
        ++number;
        const auto activity = printable(stream.activity());
        if (activity.empty()) return;
        const double still =
            std::chrono::duration<double>(Clock::now() - stream.moved_at()).count();
        lines.push_back(cut(fmt::format("  {:>2} {}{}", number, activity,
                                        still > 10 ? fmt::format(" ({:.0f} s)", still) : ""),
                            width));
    });
    if (const auto limits = to_text(watch_.limits()); !limits.empty()) {
        lines.push_back(cut("  " + limits, width));
    }
    for (const auto& wait : watch_.waits()) lines.push_back(cut("  ! " + wait, width));
    Console::get().show(std::move(lines));
}

void ProgressView::print_plain(const Sample& sample) const {
    spdlog::info("{}", summary(sample));
    if (const auto limits = to_text(watch_.limits()); !limits.empty()) {
        spdlog::info("  {}", limits);
    }
    for (const auto& wait : watch_.waits()) spdlog::info("  {}", wait);
}

void ProgressView::print_json(const Sample& sample) const {
    nlohmann::json streams = nlohmann::json::array();
    progress_.for_each_stream([&](const io::StreamProgress& stream) {
        const auto activity = stream.activity();
        if (!activity.empty()) streams.push_back({{"does", activity}, {"bytes", stream.bytes()}});
    });
    nlohmann::json limits = nlohmann::json::array();
    for (const auto& [what, share] : watch_.limits()) {
        limits.push_back({{"what", what}, {"share", share}});
    }
    const nlohmann::json line = {{"seconds", sample.seconds},
                                 {"step", progress_.step()},
                                 {"bytes", sample.bytes},
                                 {"rows", sample.rows},
                                 {"bytes_per_second", sample.rate},
                                 {"fraction", sample.fraction},
                                 {"planned_bytes", progress_.planned_bytes.load()},
                                 {"tables", progress_.tables.load()},
                                 {"tables_loaded", progress_.tables_loaded.load()},
                                 {"tables_finished", progress_.tables_finished.load()},
                                 {"retries", progress_.retries.load()},
                                 {"link_bytes", progress_.received_bytes.load()},
                                 {"spooled_bytes", progress_.spooled_bytes.load()},
                                 {"spool_bytes", progress_.spool_bytes.load()},
                                 {"following", progress_.following.load()},
                                 {"changes", progress_.delta_rows.load()},
                                 {"pending_changes", progress_.pending_rows.load()},
                                 {"lag_ms", progress_.lag_ms.load()},
                                 {"changes_in_per_second", progress_.rate_in.load()},
                                 {"changes_out_per_second", progress_.rate_out.load()},
                                 {"streams", streams},
                                 {"limits", limits},
                                 {"waits", watch_.waits()}};
    Console::get().line(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void ProgressView::write_metrics(const Sample& sample) const {
    if (options_.metrics_file.empty()) return;
    const std::string temporary = options_.metrics_file + ".tmp";
    {
        std::ofstream file(temporary);
        const auto put = [&](const char* name, const char* type, auto value) {
            file << fmt::format("# TYPE pghaul_{0} {1}\npghaul_{0}{{job=\"{2}\"}} {3}\n", name,
                                type, options_.job, value);
        };
        put("copied_bytes_total", "counter", sample.bytes);
        put("copied_rows_total", "counter", sample.rows);
        put("planned_bytes", "gauge", progress_.planned_bytes.load());
        put("loaded_ratio", "gauge", sample.fraction);
        put("tables", "gauge", progress_.tables.load());
        put("tables_loaded", "gauge", progress_.tables_loaded.load());
        put("tables_finished", "gauge", progress_.tables_finished.load());
        put("changes_total", "counter", progress_.delta_rows.load());
        put("pending_changes", "gauge", progress_.pending_rows.load());
        put("lag_seconds", "gauge", static_cast<double>(progress_.lag_ms.load()) / 1000);
        put("link_bytes_total", "counter", progress_.received_bytes.load());
        put("spooled_bytes_total", "counter", progress_.spooled_bytes.load());
        put("spool_bytes", "gauge", progress_.spool_bytes.load());
        put("retries_total", "counter", progress_.retries.load());
        put("run_seconds", "gauge", sample.seconds);
        const auto limits = watch_.limits();
        if (!limits.empty()) file << "# TYPE pghaul_limit_ratio gauge\n";
        for (const auto& [what, share] : limits) {
            file << fmt::format("pghaul_limit_ratio{{job=\"{}\",what=\"{}\"}} {}\n", options_.job,
                                label(what), share);
        }
    }
    // Readers see the old file or the new one, never a part.
    if (std::rename(temporary.c_str(), options_.metrics_file.c_str()) != 0) {
        spdlog::warn("cannot write {}", options_.metrics_file);
    }
}

}  // namespace pghaul::cmd
