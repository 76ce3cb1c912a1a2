#include "io/effort_judge.hpp"

#include <gtest/gtest.h>

namespace pghaul::io {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// What a second of sending costs.
struct Second {
    int blocked_ms = 0;
    int packing_ms = 0;
    int idle_ms = 1000;
    int packed_percent = 40;
};

/// Asks after each of 50 blocks a second.
class Judged {
  public:
    Judged() { judge_.go_on(now_); }
    PackEffort after(milliseconds time, const Second& second) {
        constexpr int kBlocks = 50;
        for (int i = 0; i < time * kBlocks / 1s; ++i) {
            now_.at += milliseconds(1000) / kBlocks;
            now_.blocks += 1;
            now_.raw_bytes += 1000;
            now_.packed_bytes += static_cast<std::uint64_t>(10 * second.packed_percent);
            now_.blocked += std::chrono::nanoseconds(milliseconds(second.blocked_ms)) / kBlocks;
            now_.packing += std::chrono::nanoseconds(milliseconds(second.packing_ms)) / kBlocks;
            now_.idle += std::chrono::nanoseconds(milliseconds(second.idle_ms)) / kBlocks;
            const auto before = effort_;
            if (judge_.due(now_.at, now_.blocks)) effort_ = judge_.effort(now_);
            changes_ += effort_ == before ? 0 : 1;
        }
        return effort_;
    }
    void pause(int seconds) {
        now_.at += std::chrono::seconds(seconds);
        judge_.go_on(now_);
    }
    int changes() const { return changes_; }

  private:
    EffortJudge judge_;
    EffortJudge::Sample now_{EffortJudge::Clock::now(), 0, 0, 0, {}, {}, {}};
    PackEffort effort_ = PackEffort::fast;
    int changes_ = 0;
};

TEST(EffortJudge, PacksFastWhileTheOutputTakesAllAtOnce) {
    Judged judged;
    EXPECT_EQ(judged.after(10s, {300, 60}), PackEffort::fast);
    EXPECT_EQ(judged.changes(), 0);
}

TEST(EffortJudge, PacksHarderAStepAtATimeWhileTheOutputIsWaitedFor) {
    Judged judged;
    EXPECT_EQ(judged.after(300ms, {900, 20}), PackEffort::fast) << "not before it has seen enough";
    EXPECT_EQ(judged.after(400ms, {900, 20}), PackEffort::hard);
    EXPECT_EQ(judged.after(400ms, {900, 20}), PackEffort::hardest);
}

TEST(EffortJudge, LeavesOutAStepThatWouldMakePackingTheBottleneck) {
    Judged judged;
    EXPECT_EQ(judged.after(5s, {750, 250}), PackEffort::fast) << "a link of 1 Gbit/s";
    EXPECT_EQ(judged.after(1s, {900, 120}), PackEffort::fast);
    EXPECT_EQ(judged.changes(), 0);
}

TEST(EffortJudge, GoesBackWhenTheOutputWaitsForPacking) {
    Judged judged;
    judged.after(2s, {900, 20});
    EXPECT_EQ(judged.after(1s, {50, 950}), PackEffort::fast);
}

TEST(EffortJudge, StaysWhereItIsInBetween) {
    Judged judged;
    ASSERT_EQ(judged.after(2s, {900, 20}), PackEffort::hardest);
    EXPECT_EQ(judged.after(20s, {300, 600}), PackEffort::hardest);
}

TEST(EffortJudge, GoesBackWhenOthersWantTheCores) {
    Judged judged;
    ASSERT_EQ(judged.after(2s, {900, 20}), PackEffort::hardest);
    EXPECT_EQ(judged.after(2s, {900, 20, 50}), PackEffort::fast);
}

TEST(EffortJudge, TakesNoMoreThanIdleCores) {
    Judged judged;
    EXPECT_EQ(judged.after(10s, {900, 60, 400}), PackEffort::fast) << "hard takes 300";
    EXPECT_EQ(judged.after(2s, {900, 60, 600}), PackEffort::hardest);
}

TEST(EffortJudge, DoesNotTryAgainAndAgain) {
    Judged judged;
    auto effort = PackEffort::fast;
    for (auto time = 0ms; time < 600s; time += 400ms) {
        // Packing hard always turns out to be too much, which nobody can see before.
        effort =
            judged.after(400ms, effort == PackEffort::fast ? Second{900, 20} : Second{20, 990});
    }
    EXPECT_LT(judged.changes(), 120) << "about a step up in ten seconds, and its step down";
    EXPECT_GT(judged.changes(), 10) << "but it does try";
}

TEST(EffortJudge, LeavesAloneWhatDoesNotShrink) {
    Judged judged;
    EXPECT_EQ(judged.after(5s, {950, 20, 1000, 99}), PackEffort::fast);
    ASSERT_EQ(judged.after(2s, {950, 20}), PackEffort::hardest);
    EXPECT_EQ(judged.after(2s, {950, 20, 1000, 100}), PackEffort::fast);
}

TEST(EffortJudge, TimeBetweenTwoCopiesSaysNothing) {
    Judged judged;
    ASSERT_EQ(judged.after(2s, {900, 20}), PackEffort::hardest);
    for (int i = 0; i < 20; ++i) {
        judged.pause(10);
        EXPECT_EQ(judged.after(1s, {700, 500}), PackEffort::hardest);
    }
}

}  // namespace
}  // namespace pghaul::io
