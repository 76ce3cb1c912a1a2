// What the queue makes of work that other processes have in hand, and what it gives to a worker.
#include <gtest/gtest.h>

#include "tests/loader/queue_plans.hpp"
#include "tests/loader/queue_words.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Plan;
using test::kMegabyte;
using test::queue_table;

TEST(SharedWork, ComesBackFromAProcessThatDiedAndIsSeenWhenItIsLoaded) {
    Plan plan;
    plan.tables.push_back(queue_table(0, 2, 20 * kMegabyte, {8 * kMegabyte}));
    WorkQueue queue(plan, {}, {}, streams(1));
    auto first = queue.take(0);
    EXPECT_EQ(said(first), "t0.0");
    queue.elsewhere(*first);
    auto second = queue.take(0);
    EXPECT_EQ(said(second), "t0.1");
    EXPECT_EQ(queue.elsewhere().chunks, (snapshot::ChunkKeys{{0, 0}}));
    queue.settle({.loaded = {}, .finished = {}, .free = {{0, 0}}});
    EXPECT_TRUE(queue.elsewhere().empty());
    queue.done(0, *second);
    first = queue.take(0);
    EXPECT_EQ(said(first), "t0.0") << "nobody else has it any more";
    queue.elsewhere(*first);
    EXPECT_FALSE(queue.all_copied());
    queue.settle({.loaded = {{0, 0}}, .finished = {}, .free = {}});
    EXPECT_EQ(said(queue.take(0)), "release");
    EXPECT_TRUE(queue.all_copied());
}

TEST(SharedWork, OfAnIndexHoldsUpItsTablesEnd) {
    Plan plan;
    plan.tables.push_back(queue_table(0, 1, 20 * kMegabyte, {8 * kMegabyte, 9 * kMegabyte}));
    snapshot::LoadedChunks loaded;
    loaded.tables = {{0, 0}};
    WorkQueue queue(plan, loaded, {}, streams(1));
    auto work = queue.take(0);
    EXPECT_EQ(said(work), "release");
    queue.done(0, *work);
    const auto large = queue.take(0);
    EXPECT_EQ(said(large), "index i100001");
    queue.elsewhere(*large);
    const auto small = queue.take(0);
    EXPECT_EQ(said(small), "index i100000");
    queue.done(0, *small);
    queue.settle_index(plan.tables[0], *large->index, false);
    const auto again = queue.take(0);
    EXPECT_EQ(said(again), "index i100001") << "whoever built it is gone";
    queue.elsewhere(*again);
    queue.settle_index(plan.tables[0], *large->index, true);
    EXPECT_EQ(said(queue.take(0)), "finish t0");
}

/// Two groups of small tables, t0 to t63 and t64 to t65.
Plan two_groups() {
    Plan plan;
    for (int i = 0; i < 66; ++i) plan.tables.push_back(queue_table(i, 1, 8192, {8192}));
    return plan;
}

TEST(SharedWork, OfAGroupIsLeftToWhoeverHasItAndTheRestGoesOn) {
    const auto plan = two_groups();
    io::RunProgress progress;
    auto options = streams(1);
    options.progress = &progress;
    for (int i = 0; i < 66; ++i) options.read_back[i] = 1;
    WorkQueue queue(plan, {}, {}, options);
    auto big = queue.take(0);
    ASSERT_EQ(big->chunks.size(), 64U);
    queue.done(0, *big);
    auto group = queue.take(0);
    ASSERT_EQ(said(group), "t64.0+t65.0");
    // Another process has t64.
    queue.elsewhere(std::vector<TableChunk>{group->chunks.front()});
    group->chunks.erase(group->chunks.begin());
    EXPECT_EQ(queue.elsewhere().chunks, (snapshot::ChunkKeys{{64, 0}}));
    queue.done(0, *group);
    EXPECT_FALSE(queue.all_copied());
    EXPECT_EQ(progress.tables_finished, 65);
    queue.settle({.loaded = {{64, 0}}, .finished = {64}, .free = {}});
    EXPECT_EQ(said(queue.take(0)), "release") << "it has been read back and finished there";
    EXPECT_TRUE(queue.all_copied());
    EXPECT_EQ(progress.tables_finished, 66);
    EXPECT_EQ(progress.tables_loaded, 66);
}

TEST(SharedWork, OfAGroupThatIsLoadedButNotFinishedIsFinishedHere) {
    const auto plan = two_groups();
    WorkQueue queue(plan, {}, {}, streams(1));
    queue.done(0, *queue.take(0));
    const auto group = queue.take(0);
    queue.elsewhere(*group);
    queue.settle({.loaded = {{64, 0}, {65, 0}}, .finished = {65}, .free = {}});
    queue.done(0, *queue.take(0));  // release
    const auto end = queue.take(0);
    EXPECT_EQ(said(end), "finish t64");
    queue.done(0, *end);
    EXPECT_EQ(said(queue.take(0)), "end");
    EXPECT_TRUE(queue.all_done());
}

TEST(SharedWork, OfAGroupThatNobodyHasReadBackIsReadBackHere) {
    const auto plan = two_groups();
    auto options = streams(1);
    for (int i = 0; i < 66; ++i) options.read_back[i] = 1;
    WorkQueue queue(plan, {}, {}, options);
    queue.done(0, *queue.take(0));
    queue.elsewhere(*queue.take(0));
    // Someone loaded t64 alone, after whoever had its group was gone.
    queue.settle({.loaded = {{64, 0}, {65, 0}}, .finished = {65}, .unproven = {64}, .free = {}});
    EXPECT_FALSE(queue.all_copied());
    const auto all = alone(plan, queue);
    EXPECT_EQ(all, (std::vector<std::string>{"release", "read t64.0", "finish t64"}));
    EXPECT_TRUE(queue.all_copied());
}

TEST(SharedWork, OfAGroupComesBackWithAllThatWasToBeDoneWithIt) {
    const auto plan = two_groups();
    auto options = streams(1);
    for (int i = 0; i < 66; ++i) options.read_back[i] = 1;
    WorkQueue queue(plan, {}, {}, options);
    queue.done(0, *queue.take(0));
    queue.elsewhere(*queue.take(0));
    queue.settle({.loaded = {{65, 0}}, .finished = {65}, .free = {{64, 0}}});
    const auto all = alone(plan, queue);
    EXPECT_EQ(all, (std::vector<std::string>{"t64.0", "release", "read t64.0", "finish t64"}));
    EXPECT_TRUE(queue.all_done());
}

TEST(SharedWork, GivesAWorkerGroupsFromTheOtherEnd) {
    const auto plan = two_groups();
    auto options = streams(1);
    options.helper = true;
    options.read_back = {{64, 1}, {65, 1}};
    WorkQueue queue(plan, {}, {5}, options);
    const auto last = queue.take(0);
    EXPECT_EQ(said(last), "t64.0+t65.0");
    EXPECT_TRUE(last->finish_too);
    EXPECT_TRUE(last->read_back_too);
    queue.done(0, *last);
    const auto first = queue.take(0);
    EXPECT_EQ(first->chunks.size(), 63U) << "one is finished";
    EXPECT_FALSE(first->read_back_too);
}

TEST(SharedWork, LeavesAWorkerAllButLargeObjectsAndTheEndsOfLargeTables) {
    Plan plan;
    plan.tables.push_back(queue_table(0, 2, 20 * kMegabyte, {8 * kMegabyte}));
    plan.tables.push_back(queue_table(1, 1, 8192, {8192}));
    plan.large_objects.push_back({1, 1, 99, 7});
    auto options = streams(1);
    options.helper = true;
    WorkQueue queue(plan, {}, {}, options);
    const auto all = alone(plan, queue);
    EXPECT_EQ(all, (std::vector<std::string>{"t0.0", "t0.1", "index i100000", "t1.0", "release"}));
}

}  // namespace
}  // namespace pghaul::loader
