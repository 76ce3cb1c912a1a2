#include "cmd/steps.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "cmd/retry.hpp"

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
    retry(run_, name_, [&] { run_.journal.add_step(name_, seconds, true); });
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
    snapshot::Step so_far;
    retry(run_, name, [&] { so_far = state_of(name); });
    if (so_far.finished) return;
    if (run_.time_is_up()) stop_early(run_);
    begin(name);
    bool again = false;
    retry(run_, name, [&] {
        if (again) {
            // A session that we have lost may still be committing: then its mark is not seen yet.
            snapshot::end_leftover_sessions(run_.journal.connection(), run_.options.job,
                                            run_.interrupt, "schema");
            so_far = state_of(name);
        }
        again = true;
        if (!so_far.finished) body({false, so_far.entries_done, mark(name), run_.options.jobs});
    });
    end();
}

snapshot::Step Steps::state_of(const std::string& name) {
    const auto steps = run_.journal.steps();
    const auto found = steps.find(name);
    return found == steps.end() ? snapshot::Step{} : found->second;
}

loader::RestoreMark Steps::mark(const std::string& name) const {
    return [job = run_.options.job, name](io::Connection& target,
                                          const loader::RestoreProgress& progress) {
        snapshot::mark_step(target, job, name, progress.entries_done, progress.finished);
    };
}

}  // namespace pghaul::cmd
