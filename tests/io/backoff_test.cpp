#include "io/backoff.hpp"

#include <gtest/gtest.h>

namespace pghaul::io {
namespace {

using std::chrono::milliseconds;

TEST(Backoff, AllowsABoundedNumberOfAttempts) {
    Backoff backoff;
    const auto lost = Error("lost").retryable(true);
    int attempts = 1;
    for (; backoff.allows(lost); ++attempts) backoff.next_pause();
    EXPECT_EQ(attempts, Backoff::kAttempts);
    EXPECT_EQ(backoff.failures(), Backoff::kAttempts - 1);
}

TEST(Backoff, AllowsNoneAfterAnErrorThatStays) {
    EXPECT_FALSE(Backoff().allows(Error("division by zero")));
}

TEST(Backoff, PausesLongerEachTimeUpToALimit) {
    Backoff backoff;
    auto full = Backoff::kFirstPause;
    milliseconds total{0};
    for (int i = 1; i < Backoff::kAttempts; ++i) {
        const auto pause = backoff.next_pause();
        EXPECT_GE(pause, full / 2) << i;
        EXPECT_LE(pause, full) << i;
        total += pause;
        full = std::min(full * 2, Backoff::kLongestPause);
    }
    // A server restarts in less; nobody waits a minute for one that does not.
    EXPECT_GE(total, milliseconds(8000));
    EXPECT_LE(total, milliseconds(30000));
}

}  // namespace
}  // namespace pghaul::io
