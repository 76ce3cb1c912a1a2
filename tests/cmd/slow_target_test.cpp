// A server that takes nothing for longer than a dead one would be given: it is alive, and waited
// for.
#include <gtest/gtest.h>

#include <thread>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {
namespace {

using SlowTarget = HaulTest;

TEST_F(SlowTarget, ThatStandsStillForHalfAMinuteCostsNoRowSentAgain) {
    // More in one chunk than all buffers on the way hold, so that the source must wait as well.
    const auto pair = fresh_pair(gated_table(400000));
    Gate gate(pair);
    ChildProcess child(run_argv(pair, {"-j", "1", "--chunk-size=1GB"}));
    ASSERT_TRUE(gate.reached());
    // As long as it stands still there is nothing to wait for but time.
    std::this_thread::sleep_for(std::chrono::seconds(40));
    gate.open();
    const auto ended = child.wait(std::chrono::seconds(120));
    ASSERT_TRUE(ended);
    EXPECT_TRUE(exited(*ended, 0));
    EXPECT_EQ(ended->err.find("trying again"), std::string::npos) << ended->err;
    EXPECT_TRUE(equal(pair));
}

}  // namespace
}  // namespace pghaul::test
