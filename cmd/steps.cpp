#include "cmd/steps.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace pghaul::cmd {

using Clock = std::chrono::steady_clock;

void Steps::begin(const std::string& name) {
    name_ = name;
    began_ = Clock::now();
    run_.progress.begin_step(name);
    spdlog::debug("step: {}", name);
}

void Steps::end(std::int64_t bytes) {
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    run_.journal.add_step(name_, seconds, true);
    const auto same = std::find_if(times_.begin(), times_.end(),
                                   [&](const StepTime& step) { return step.name == name_; });
    if (same != times_.end()) {
        same->seconds += seconds;
        same->bytes += bytes;
    } else {
        times_.push_back({name_, seconds, bytes});
    }
}

void Steps::once(const std::string& name, const std::function<void()>& body) {
    once_from_mark(name, [&](const loader::RestoreOptions&) { body(); });
}

void Steps::once_from_mark(const std::string& name,
                           const std::function<void(const loader::RestoreOptions&)>& body) {
    const auto steps = run_.journal.steps();
    const auto found = steps.find(name);
    if (found != steps.end() && found->second.finished) return;
    if (run_.time_is_up()) stop_early(run_);
    begin(name);
    body({false, found == steps.end() ? 0 : found->second.entries_done, mark(name)});
    end();
}

loader::RestoreMark Steps::mark(const std::string& name) const {
    return [job = run_.options.job, name](io::Connection& target,
                                          const loader::RestoreProgress& progress) {
        snapshot::mark_step(target, job, name, progress.entries_done, progress.finished);
    };
}

}  // namespace pghaul::cmd
