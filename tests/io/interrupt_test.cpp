#include "io/interrupt.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <thread>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

TEST(Interrupt, LetsEverythingPassUntilFired) {
    const Interrupt interrupt;
    EXPECT_FALSE(interrupt.fired());
    EXPECT_NO_THROW(interrupt.check());
    EXPECT_NO_THROW(interrupt.sleep_ms(1));
}

TEST(Interrupt, StaysFired) {
    Interrupt interrupt;
    interrupt.fire();
    interrupt.fire();
    for (int round = 0; round < 2; ++round) {
        EXPECT_THROW(interrupt.check(), Interrupted);
        pollfd entry{interrupt.fd(), POLLIN, 0};
        EXPECT_EQ(::poll(&entry, 1, 0), 1);
    }
}

TEST(Interrupt, EndsASleepAtOnce) {
    Interrupt interrupt;
    const auto start = std::chrono::steady_clock::now();
    std::jthread stopper([&] { interrupt.fire(); });
    EXPECT_THROW(interrupt.sleep_ms(60'000), Interrupted);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace pghaul::io
