#include "snapshot/planner.hpp"

#include <gtest/gtest.h>

namespace pghaul::snapshot {
namespace {

constexpr std::int64_t kMegabyte = std::int64_t{1} << 20;
constexpr std::int64_t kGigabyte = std::int64_t{1} << 30;

PlanOptions with_jobs(int jobs) {
    PlanOptions options;
    options.jobs = jobs;
    return options;
}

TEST(AutomaticChunkBytes, AreASmallPartOfTheWholeWithinLimits) {
    EXPECT_EQ(automatic_chunk_bytes(0), 16 * kMegabyte);
    EXPECT_EQ(automatic_chunk_bytes(3 * kGigabyte), 16 * kMegabyte);
    EXPECT_EQ(automatic_chunk_bytes(6 * kGigabyte), 32 * kMegabyte);
    EXPECT_EQ(automatic_chunk_bytes(48 * kGigabyte), 256 * kMegabyte);
    EXPECT_EQ(automatic_chunk_bytes(10000 * kGigabyte), 256 * kMegabyte);
}

TEST(ChunkCount, FollowsTheAutomaticSizeUnlessOneIsGiven) {
    auto options = with_jobs(2);
    EXPECT_EQ(chunk_count(64 * kMegabyte, 3 * kGigabyte, options), 4);
    EXPECT_EQ(chunk_count(64 * kMegabyte, 6 * kGigabyte, options), 2);
    options.chunk_bytes = 256 * kMegabyte;
    EXPECT_EQ(chunk_count(64 * kMegabyte, 3 * kGigabyte, options), 1);
}

TEST(ChunkCount, IsOneForSmallAndEmptyTables) {
    EXPECT_EQ(chunk_count(0, 0, with_jobs(8)), 1);
    EXPECT_EQ(chunk_count(1, 1, with_jobs(8)), 1);
    EXPECT_EQ(chunk_count(16 * kMegabyte, 16 * kMegabyte, with_jobs(8)), 1);
    // Alone in the database, but too small for a second stream to win anything.
    auto options = with_jobs(8);
    options.chunk_bytes = 256 * kMegabyte;
    EXPECT_EQ(chunk_count(64 * kMegabyte, 64 * kMegabyte, options), 1);
}

TEST(ChunkCount, KeepsChunksBelowTheChunkSize) {
    for (const std::int64_t bytes : {256 * kMegabyte, 256 * kMegabyte + 1, 10 * kGigabyte}) {
        const int chunks = chunk_count(bytes, 1000 * kGigabyte, with_jobs(2));
        EXPECT_LE(bytes / chunks, 256 * kMegabyte) << bytes;
        // And cut no smaller than that needs.
        if (chunks > 1) {
            EXPECT_GE(bytes / (chunks - 1), 256 * kMegabyte) << bytes;
        }
    }
    EXPECT_EQ(chunk_count(256 * kMegabyte, 1000 * kGigabyte, with_jobs(2)), 1);
}

TEST(ChunkCount, CutsATableThatWouldBeTheLongPole) {
    auto options = with_jobs(2);
    options.chunk_bytes = 256 * kMegabyte;
    // 200 MB of 240 MB in all: one stream would still read it when the other has long finished.
    EXPECT_GE(chunk_count(200 * kMegabyte, 240 * kMegabyte, options), 2);
    // Its fair share of the work: another table keeps the other stream busy.
    EXPECT_EQ(chunk_count(100 * kMegabyte, 240 * kMegabyte, options), 1);
}

TEST(ChunkCount, NeverCutsForASingleStreamBelowTheChunkSize) {
    auto options = with_jobs(1);
    options.chunk_bytes = 256 * kMegabyte;
    EXPECT_EQ(chunk_count(200 * kMegabyte, 200 * kMegabyte, options), 1);
    EXPECT_EQ(chunk_count(kGigabyte, kGigabyte, options), 4);
}

TEST(ChunkCount, GivesEveryStreamAPieceOfAHugeTable) {
    auto options = with_jobs(16);
    options.chunk_bytes = 1000 * kGigabyte;
    EXPECT_GE(chunk_count(100 * kGigabyte, 100 * kGigabyte, options), 16);
}

TEST(ChunkCount, FollowsASmallChunkSize) {
    auto options = with_jobs(2);
    options.chunk_bytes = kMegabyte;
    EXPECT_EQ(chunk_count(kGigabyte, kGigabyte, options), 1024);
}

}  // namespace
}  // namespace pghaul::snapshot
