#include "loader/spool_judge.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace pghaul::loader {
namespace {

using std::chrono::milliseconds;

/// Asks once a second; each second costs so many milliseconds of source and target time.
class Judged {
  public:
    bool after(int seconds, int source_ms, int target_ms) {
        bool verdict = false;
        for (int i = 0; i < seconds; ++i) {
            now_.at += std::chrono::seconds(1);
            now_.source += milliseconds(source_ms);
            now_.target += milliseconds(target_ms);
            verdict = judge_.target_limits(now_);
        }
        return verdict;
    }

  private:
    SpoolJudge judge_;
    SpoolJudge::Sample now_{SpoolJudge::Clock::now(), {}, {}};
};

TEST(SpoolJudge, SaysYesWhenTheTargetTakesSeveralTimesAsLongForAWhile) {
    Judged judged;
    EXPECT_FALSE(judged.after(5, 200, 990)) << "not before it has seen enough";
    EXPECT_TRUE(judged.after(1, 200, 990));
}

TEST(SpoolJudge, SaysNoWhileTwoServersAreAboutAsFast) {
    Judged judged;
    EXPECT_FALSE(judged.after(20, 1000, 2000));
    EXPECT_FALSE(judged.after(20, 900, 500));
}

TEST(SpoolJudge, SaysNoWhileTheStreamsDoSomethingElse) {
    Judged judged;
    EXPECT_FALSE(judged.after(20, 0, 0));
    EXPECT_FALSE(judged.after(20, 10, 600)) << "less than one stream's time";
}

TEST(SpoolJudge, ForgetsWhatWasLongAgo) {
    Judged judged;
    EXPECT_TRUE(judged.after(60, 100, 1900));
    EXPECT_FALSE(judged.after(6, 1500, 1900));
    EXPECT_TRUE(judged.after(6, 100, 1900));
}

TEST(SpoolJudge, LeavesShortCopiesAlone) {
    using std::chrono::seconds;
    EXPECT_FALSE(SpoolJudge::worthwhile(0.25, seconds(6))) << "18 s left";
    EXPECT_TRUE(SpoolJudge::worthwhile(0.25, seconds(7))) << "21 s left";
    EXPECT_TRUE(SpoolJudge::worthwhile(0, seconds(6))) << "nothing moves";
    EXPECT_FALSE(SpoolJudge::worthwhile(1, seconds(6)));
}

TEST(WaitClock, CountsTheWaitInHand) {
    io::WaitClock clock;
    EXPECT_EQ(clock.total().count(), 0);
    {
        const io::Waiting waiting(clock);
        std::this_thread::sleep_for(milliseconds(2));
        EXPECT_GE(clock.total(), milliseconds(2));
    }
    const auto total = clock.total();
    std::this_thread::sleep_for(milliseconds(2));
    EXPECT_EQ(clock.total(), total);
}

}  // namespace
}  // namespace pghaul::loader
