#include "snapshot/spool_notes.hpp"

#include <gtest/gtest.h>

#include "tests/snapshot/journals.hpp"

namespace pghaul::snapshot {
namespace {

class SpoolNotes : public test::ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (IsSkipped()) return;
        const auto database = test::fresh_database();
        journal_.emplace(test::begun_job(database, interrupt_));
        target_.emplace(test::connect(database, interrupt_));
    }

    std::optional<Journal> journal_;
    std::optional<io::Connection> target_;
};

TEST_F(SpoolNotes, AreKeptPerPlaceAndTakenAwayOneByOne) {
    const SpoolNote here{"here", "/var/tmp", 1000};
    const SpoolNote there{"there", "/var/tmp", 2000};
    note_spool(*target_, "job", here);
    note_spool(*target_, "job", there);
    note_spool(*target_, "job", {"here", "/var/tmp", 3000});
    EXPECT_EQ(spool_notes(*target_, "job"),
              (std::vector<SpoolNote>{{"here", "/var/tmp", 3000}, there}));
    EXPECT_TRUE(spool_notes(*target_, "other").empty());
    forget_spool_note(*target_, "job", here);
    EXPECT_EQ(spool_notes(*target_, "job"), std::vector<SpoolNote>{there});
}

TEST_F(SpoolNotes, OutliveACopyThatStartsAgainAndGoWithTheJob) {
    note_spool(*target_, "job", {"here", "/var/tmp", 1000});
    journal_->forget_plan();
    EXPECT_EQ(spool_notes(*target_, "job").size(), 1U);
    journal_->remove();
    EXPECT_TRUE(spool_notes(*target_, "job").empty()) << "nor the table they stand in";
}

}  // namespace
}  // namespace pghaul::snapshot
