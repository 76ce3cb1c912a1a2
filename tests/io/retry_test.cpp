#include "io/retry.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace pghaul::io {
namespace {

using namespace std::chrono_literals;

class RetryTest : public ::testing::Test {
  protected:
    /// Fails as often as told, then is done. Returns how often it was tried.
    int try_until_done(Retry& retry, int times, const Error& trouble) {
        for (int attempt = 1;; ++attempt) {
            try {
                if (attempt <= times) throw Error(trouble);
                return attempt;
            } catch (const Error& error) {
                retry.pause_or_rethrow(error, "copy public.orders");
            }
        }
    }

    const Error lost_ = Error("connection lost").retryable(true);
    Interrupt interrupt_;
    RunProgress progress_;
};

TEST_F(RetryTest, TriesAgainAfterAnErrorThatPasses) {
    Retry retry(interrupt_, progress_);
    EXPECT_EQ(try_until_done(retry, 1, lost_), 2);
    EXPECT_EQ(retry.failures(), 1);
    EXPECT_EQ(progress_.retries, 1);
}

TEST_F(RetryTest, WaitsBeforeTheNextAttempt) {
    Retry retry(interrupt_, progress_);
    const auto began = std::chrono::steady_clock::now();
    retry.pause(lost_);
    EXPECT_GE(std::chrono::steady_clock::now() - began, Backoff::kFirstPause / 2);
}

TEST_F(RetryTest, ThrowsAnErrorThatStaysAtOnceAndAsItWas) {
    Retry retry(interrupt_, progress_);
    const auto stays = Error("division by zero").sqlstate("22012");
    try {
        try_until_done(retry, 1, stays);
        FAIL() << "tried again";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "division by zero");
        EXPECT_EQ(error.sqlstate(), "22012");
    }
    EXPECT_EQ(progress_.retries, 0);
}

TEST_F(RetryTest, KeepsTheErrorsOwnTypeWhenItGivesUp) {
    Retry retry(interrupt_, progress_);
    const auto body = [&] {
        try {
            throw Interrupted();
        } catch (const Error& error) {
            retry.pause_or_rethrow(error);
        }
    };
    EXPECT_THROW(body(), Interrupted);
}

TEST_F(RetryTest, DoesNotTryAgainOnceTheRunIsStopped) {
    Retry retry(interrupt_, progress_);
    EXPECT_TRUE(retry.allows(lost_));
    interrupt_.fire();
    EXPECT_FALSE(retry.allows(lost_));
}

TEST_F(RetryTest, HasAllItsAttemptsWhenItBeginsAnew) {
    Retry retry(interrupt_, progress_);
    retry.pause(lost_);
    EXPECT_EQ(retry.failures(), 1);
    retry.begin_anew();
    EXPECT_EQ(retry.failures(), 0);
}

TEST_F(RetryTest, ShowsThatItWaitsAndForWhat) {
    auto& stream = progress_.add_stream();
    stream.begin("copy public.orders");
    Retry retry(interrupt_, progress_, &stream);
    interrupt_.fire();  // so that the pause ends in its middle
    EXPECT_THROW(retry.pause(lost_, "copy public.orders"), Interrupted);
    EXPECT_EQ(stream.activity(), "waiting to retry: copy public.orders");
}

TEST_F(RetryTest, ShowsAfterThePauseWhatItShowedBefore) {
    auto& stream = progress_.add_stream();
    stream.begin("source: public.orders");
    Retry retry(interrupt_, progress_, &stream);
    retry.pause(lost_, "public.orders");
    EXPECT_EQ(stream.activity(), "source: public.orders");
}

TEST_F(RetryTest, EndsItsPauseWhenTheRunIsStopped) {
    Retry retry(interrupt_, progress_);
    const std::jthread stopper([&] {
        while (progress_.retries == 0) std::this_thread::yield();
        interrupt_.fire();
    });
    EXPECT_THROW(retry.pause(lost_), Interrupted);
}

}  // namespace
}  // namespace pghaul::io
