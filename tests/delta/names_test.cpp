#include "delta/names.hpp"

#include <gtest/gtest.h>

namespace pghaul::delta {
namespace {

const CaptureSite kSite{"shop", "pghaul"};

TEST(Names, BeginWithTheJobs) {
    EXPECT_EQ(delta_table(kSite, 17), R"("pghaul"."pghaul/shop/17")");
    EXPECT_EQ(trigger_function(kSite, 17), R"("pghaul"."pghaul/shop/17")");
    EXPECT_EQ(state_table(kSite), R"("pghaul"."pghaul/shop/state")");
    EXPECT_EQ(truncated_table(kSite), R"("pghaul"."pghaul/shop/truncated")");
    EXPECT_EQ(capture_trigger(kSite, "insert"), R"("pghaul/shop/insert")");
    EXPECT_EQ(fence_function(kSite), R"("pghaul"."pghaul/shop/fence")");
    EXPECT_EQ(fence_trigger(kSite), R"("pghaul/shop/fence")");
    EXPECT_EQ(fence_row_trigger(kSite), R"("pghaul/shop/fence row")");
}

TEST(Names, QuoteASchemaThatNeedsIt) {
    EXPECT_EQ(state_table({"j", "a\"b"}), R"("a""b"."pghaul/j/state")");
}

TEST(Names, FitWhateverTheJobAndTheTable) {
    const CaptureSite longest{std::string(40, 'j'), "s"};
    EXPECT_LE(object_name(longest, std::to_string(4294967295U)).size(), 63U);
    EXPECT_LE(object_name(longest, "truncated").size(), 63U);
    EXPECT_LE(object_name(longest, kFenceRow).size(), 63U);
}

}  // namespace
}  // namespace pghaul::delta
