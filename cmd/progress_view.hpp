// Shows a run while it goes: a live display on a terminal, plain lines every 10 s elsewhere, JSON
// lines, a metrics file. Reads counters; never slows a stream.
// Thread: its own.
#pragma once

#include <chrono>
#include <string>
#include <thread>

#include "cmd/options.hpp"
#include "cmd/watch.hpp"
#include "io/progress.hpp"

namespace pghaul::cmd {

class ProgressView {
  public:
    ProgressView(const Options& options, const io::RunProgress& progress, const Watch& watch);
    /// Takes the live display away and writes the last metrics.
    ~ProgressView();

  private:
    struct Sample {
        double seconds = 0;
        std::uint64_t bytes = 0;
        std::uint64_t rows = 0;
        double fraction = 0;
        double rate = 0;          // bytes per second, over the last seconds
        double seconds_left = 0;  // until the last row; 0 if unknown
    };
    void body(const std::stop_token& stop);
    Sample sample();
    std::string live_summary() const;
    std::string summary(const Sample& sample) const;
    void show_bar(const Sample& sample) const;
    void print_plain(const Sample& sample) const;
    void print_json(const Sample& sample) const;
    void write_metrics(const Sample& sample) const;

    const Options& options_;
    const io::RunProgress& progress_;
    const Watch& watch_;
    ProgressMode mode_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::uint64_t last_bytes_ = 0;
    double last_seconds_ = 0;
    double rate_ = 0;
    std::jthread thread_;
};

}  // namespace pghaul::cmd
