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

TEST(Interrupt, OfAPartIsFiredAloneOrWithTheWhole) {
    Interrupt whole;
    Interrupt one(&whole);
    Interrupt other(&whole);
    const Interrupt part_of_other(&other);
    one.fire();
    EXPECT_THROW(one.check(), Interrupted);
    EXPECT_THROW(one.sleep_ms(60'000), Interrupted);
    for (const auto* alive : {static_cast<const Interrupt*>(&whole),
                              static_cast<const Interrupt*>(&other), &part_of_other}) {
        EXPECT_NO_THROW(alive->sleep_ms(1));
    }
    whole.fire();
    EXPECT_THROW(other.check(), Interrupted);
    EXPECT_THROW(part_of_other.sleep_ms(60'000), Interrupted);
    pollfd entry{part_of_other.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&entry, 1, 0), 1);
}

}  // namespace
}  // namespace pghaul::io
