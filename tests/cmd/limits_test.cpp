#include "cmd/limits.hpp"

#include <gtest/gtest.h>

namespace pghaul::cmd {
namespace {

TEST(Limits, NameWhoKeepsEachStreamBusyOrWaiting) {
    Limits limits;
    EXPECT_EQ(to_text(limits.shares()), "");
    limits.add({{"pghaul/a/b/read 1", "Client:ClientWrite"},
                {"pghaul/a/b/read 2", ""},
                {"pghaul/a/b/read 3", "IO:DataFileRead"},
                {"pghaul/a/b/read 4", "Client:ClientWrite"},
                {"pghaul/a/b/watch", ""}},
               {{"pghaul/a/b/write 1", "Lock:extend"},
                {"pghaul/a/b/write 2", "Client:ClientRead"},
                {"pghaul/a/b/write 4", "Client:ClientRead"},
                {"pghaul/a/b/journal", "IO:WALSync"}});
    EXPECT_EQ(to_text(limits.shares()),
              "limits: pghaul or the network 25 %, source waits for IO:DataFileRead 25 %, source "
              "works 25 %, target waits for Lock:extend 25 %");
}

TEST(Limits, CountParallelWorkersAndForgetWhatIsLongAgo) {
    Limits limits;
    limits.add({}, {{"pghaul/j/write 1", "Lock:extend"}});
    for (int look = 0; look < 60; ++look) {
        limits.add({}, {{"pghaul/j/write 1", ""},
                        {"pghaul/j/write 1", ""},
                        {"pghaul/j/write 1", "IO:BufFileWrite"}});
        limits.add({}, {});
    }
    const auto shares = limits.shares();
    ASSERT_EQ(shares.size(), 2U);
    EXPECT_EQ(shares[0].what, "target works");
    EXPECT_NEAR(shares[0].share, 2.0 / 3, 1e-9);
    EXPECT_EQ(shares[1].what, "target waits for IO:BufFileWrite");
    limits.clear();
    EXPECT_TRUE(limits.shares().empty());
}

TEST(Limits, LeaveOutWhatIsRare) {
    Limits limits;
    for (int look = 0; look < 30; ++look) {
        limits.add({}, {{"pghaul/j/write 1", look == 7 ? "IO:WALSync" : ""}});
    }
    EXPECT_EQ(to_text(limits.shares()), "limits: target works 97 %");
}

}  // namespace
}  // namespace pghaul::cmd
