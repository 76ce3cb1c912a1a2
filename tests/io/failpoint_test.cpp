#include "io/failpoint.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

// The environment is read once per process, so every setting needs a child of its own; the
// "threadsafe" style starts it by exec, with nothing inherited from other tests.
class FailpointTest : public testing::Test {
  protected:
    void SetUp() override { testing::FLAGS_gtest_death_test_style = "threadsafe"; }

    /// Passes a failpoint three times and says on stderr what each did.
    [[noreturn]] static void pass_three_times(const char* setting) {
        ::setenv("PGHAUL_FAILPOINTS", setting, 1);
        for (int pass = 1; pass <= 3; ++pass) {
            try {
                failpoint(Failpoint::copy_before_mark);
                std::cerr << pass << " passed; ";
            } catch (const Error& error) {
                std::cerr << pass << " " << error.what() << (error.retryable() ? " retry; " : "; ");
            }
        }
        std::exit(0);
    }
};

TEST_F(FailpointTest, NamesAreUniqueAndComplete) {
    std::set<std::string_view> names;
    const auto count = static_cast<std::size_t>(Failpoint::count_);
    for (std::size_t i = 0; i < count; ++i) {
        const auto name = failpoint_name(static_cast<Failpoint>(i));
        EXPECT_FALSE(name.empty()) << i;
        names.insert(name);
    }
    EXPECT_EQ(names.size(), count);
}

TEST_F(FailpointTest, DoesNothingUnlessAsked) {
    EXPECT_EXIT(pass_three_times(""), testing::ExitedWithCode(0), "1 passed; 2 passed; 3 passed");
    EXPECT_EXIT(pass_three_times("copy_after_commit=error"), testing::ExitedWithCode(0),
                "1 passed; 2 passed; 3 passed");
}

TEST_F(FailpointTest, FailsAtEveryPassOrAtOne) {
    EXPECT_EXIT(pass_three_times("copy_before_mark=error"), testing::ExitedWithCode(0),
                "1 failpoint copy_before_mark retry; 2 failpoint copy_before_mark retry; 3 fail");
    EXPECT_EXIT(pass_three_times("schema_after=kill,copy_before_mark=fail@2"),
                testing::ExitedWithCode(0), "1 passed; 2 failpoint copy_before_mark; 3 passed");
}

TEST_F(FailpointTest, KillsAtTheNamedPass) {
    EXPECT_EXIT(pass_three_times("copy_before_mark=kill@3"), testing::KilledBySignal(SIGKILL),
                "1 passed; 2 passed");
}

TEST_F(FailpointTest, RefusesAnUnknownName) {
    EXPECT_EXIT(pass_three_times("copy_befor_mark=kill"), testing::ExitedWithCode(0),
                "1 unknown failpoint copy_befor_mark in PGHAUL_FAILPOINTS");
}

}  // namespace
}  // namespace pghaul::io
