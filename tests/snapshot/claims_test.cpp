#include "snapshot/claims.hpp"

#include <gtest/gtest.h>

#include "io/transaction.hpp"
#include "tests/snapshot/journals.hpp"

namespace pghaul::snapshot {
namespace {

class Claims : public test::ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (IsSkipped()) return;
        database_ = test::fresh_database();
        journal_.emplace(test::begun_job(database_, interrupt_));
        one_.emplace(test::connect(database_, interrupt_));
        other_.emplace(test::connect(database_, interrupt_));
    }
    ChunkStates states() { return look_at_chunks(*other_, "job", kAll); }

    const ChunkKeys kAll = {{0, 0}, {0, 1}, {0, 2}, {1, 0}};
    std::string database_;
    std::optional<Journal> journal_;
    std::optional<io::Connection> one_;
    std::optional<io::Connection> other_;
};

TEST_F(Claims, AChunkIsOnlyOnesUntilThatTransactionEnds) {
    {
        io::Transaction transaction(*one_);
        EXPECT_EQ(claim_chunks(*one_, "job", {{0, 1}, {1, 0}}), (ChunkKeys{{0, 1}, {1, 0}}));
        io::Transaction others(*other_);
        EXPECT_EQ(claim_chunks(*other_, "job", kAll), (ChunkKeys{{0, 0}, {0, 2}}));
    }
    EXPECT_EQ(states().free, kAll);
}

TEST_F(Claims, WhatIsLoadedCanNotBeClaimedAndIsSeen) {
    {
        io::Transaction transaction(*one_);
        EXPECT_EQ(claim_chunks(*one_, "job", {{0, 1}}), (ChunkKeys{{0, 1}}));
        mark_loaded(*one_, {"job", journal_->run(), 1}, {{0, 1, {}, 10}});
        EXPECT_EQ(states().free, (ChunkKeys{{0, 0}, {0, 2}, {1, 0}}));
        EXPECT_TRUE(states().loaded.empty());
        transaction.commit();
    }
    EXPECT_EQ(states().loaded, (ChunkKeys{{0, 1}}));
    EXPECT_EQ(states().free, (ChunkKeys{{0, 0}, {0, 2}, {1, 0}}));
    io::Transaction transaction(*one_);
    EXPECT_TRUE(claim_chunks(*one_, "job", {{0, 1}}).empty());
}

TEST_F(Claims, OfATableThatIsFinishedTooAreSeenSo) {
    {
        io::Transaction transaction(*one_);
        EXPECT_EQ(claim_chunks(*one_, "job", {{0, 0}, {1, 0}}), (ChunkKeys{{0, 0}, {1, 0}}));
        mark_loaded(*one_, {"job", journal_->run(), 1}, {{0, 0, {}, 10}});
        mark_loaded(*one_, {"job", journal_->run(), 1}, {{1, 0, {}, 10}});
        mark_finished(*one_, "job", {1});
        mark_proof(*one_, "job", {1}, Proof::read_back);
        EXPECT_TRUE(states().finished.empty());
        transaction.commit();
    }
    EXPECT_EQ(states().loaded, (ChunkKeys{{0, 0}, {1, 0}}));
    EXPECT_EQ(states().finished, std::set<int>{1});
    EXPECT_EQ(states().unproven, std::set<int>{0});
}

TEST_F(Claims, OfASessionThatDiesAreFree) {
    one_->execute({"begin", "begin"});
    EXPECT_EQ(claim_chunks(*one_, "job", {{0, 1}}), (ChunkKeys{{0, 1}}));
    EXPECT_TRUE(claim_index(*one_, "job", 4711));
    EXPECT_EQ(states().free.count({0, 1}), 0U);
    EXPECT_FALSE(index_is_free(*other_, "job", 4711));
    other_->execute({"end_it", "select pg_catalog.pg_terminate_backend(" +
                                   std::to_string(one_->backend_pid()) + ", 5000)"});
    EXPECT_EQ(states().free.count({0, 1}), 1U);
    EXPECT_TRUE(index_is_free(*other_, "job", 4711));
}

TEST_F(Claims, AnIndexIsOnlyOnes) {
    io::Transaction transaction(*one_);
    EXPECT_TRUE(claim_index(*one_, "job", 4711));
    EXPECT_FALSE(index_is_free(*other_, "job", 4711));
    EXPECT_TRUE(index_is_free(*other_, "job", 4712));
    EXPECT_TRUE(index_is_free(*other_, "another job", 4711));
    EXPECT_TRUE(index_is_free(*other_, "job", 4712)) << "looking at it leaves nothing behind";
}

TEST_F(Claims, TheSnapshotInHandIsSharedUntilItEnds) {
    EXPECT_EQ(shared_snapshot(*one_, "job"), std::nullopt);
    const int first = journal_->add_snapshot("1:1:");
    share_snapshot(*one_, "job", first, "00000003-1", true);
    EXPECT_EQ(shared_snapshot(*one_, "job"),
              (SharedSnapshot{journal_->run(), first, "00000003-1", "1:1:", true}));
    const int second = journal_->add_snapshot("9:9:");
    share_snapshot(*one_, "job", second, "00000005-1", false);
    EXPECT_EQ(shared_snapshot(*one_, "job")->number, second);
    share_snapshot(*one_, "job", second, "", false);
    EXPECT_EQ(shared_snapshot(*one_, "job"), std::nullopt);
}

}  // namespace
}  // namespace pghaul::snapshot
