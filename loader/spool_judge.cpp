#include "loader/spool_judge.hpp"

namespace pghaul::loader {

bool SpoolJudge::worthwhile(double done, Clock::duration since) {
    const double seconds = std::chrono::duration<double>(since).count();
    const double limit = std::chrono::duration<double>(kLongCopy).count();
    return (1 - done) * seconds > limit * done;
}

SpoolJudge::Sample SpoolJudge::sample(const io::RunProgress& progress) {
    Sample now{Clock::now(), {}, {}};
    progress.for_each_stream([&](const io::StreamProgress& stream) {
        now.source += stream.source_time().total();
        now.target += stream.target_time().total();
    });
    return now;
}

bool SpoolJudge::target_limits(const Sample& now) {
    samples_.push_back(now);
    if (now.at - samples_.front().at < kWindow) return false;
    // The youngest sample that is old enough is what now is compared with.
    while (samples_.size() > 1 && now.at - samples_[1].at >= kWindow) samples_.pop_front();
    const auto& then = samples_.front();
    const auto source = now.source - then.source;
    const auto target = now.target - then.target;
    // Less than one stream's time: they do something else, wait to retry for example.
    return target >= (now.at - then.at) * 4 / 5 && target > kTimes * source;
}

}  // namespace pghaul::loader
