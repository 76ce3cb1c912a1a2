// What the queue hands to one or two streams, step by step. Many streams at once:
// work_queue_streams_test.cpp.
#include "loader/work_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "tests/loader/queue_plans.hpp"
#include "tests/loader/queue_words.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Plan;
using test::kMegabyte;
using test::queue_table;

/// Two streams that always have work in hand: what a stream has done it gives back only to take
/// the next, as a lane does.
class TwoHands {
  public:
    explicit TwoHands(WorkQueue& queue) : queue_(queue) {}
    const std::optional<Work>& next(int stream) {
        auto& hand = hands_[static_cast<std::size_t>(stream)];
        if (hand) queue_.done(stream, *hand);
        hand = queue_.take(stream);
        return hand;
    }

  private:
    WorkQueue& queue_;
    std::array<std::optional<Work>, 2> hands_;
};

TEST(WorkQueue, FinishesATableWhoseIndexGrewWhileTheCatalogWasRead) {
    Plan plan;
    plan.tables.push_back(queue_table(0, 1, 100 * kMegabyte, {20 * kMegabyte}));
    plan.tables[0].info.index_bytes = 20 * kMegabyte - 8192;
    WorkQueue queue(plan, {}, {}, streams(1));
    const auto list = alone(plan, queue);
    EXPECT_EQ(std::count(list.begin(), list.end(), "finish t0"), 1);
    EXPECT_TRUE(queue.all_done());
}

TEST(WorkQueue, TellsHowMuchIsDoneWithIndexesIncluded) {
    Plan plan;
    plan.tables = {queue_table(0, 4, 100 * kMegabyte, {50 * kMegabyte})};
    WorkQueue queue(plan, {{{0, 0}}, {}}, {}, streams(1));
    EXPECT_DOUBLE_EQ(queue.share_done(), 0) << "what is there already does not count";
    queue.done(0, *queue.take(0));
    const double after_a_chunk = queue.share_done();
    EXPECT_GT(after_a_chunk, 0);
    EXPECT_LT(after_a_chunk, 1. / 3) << "two chunks and the index are left";
    alone(plan, queue);
    EXPECT_DOUBLE_EQ(queue.share_done(), 1);
    EXPECT_DOUBLE_EQ(WorkQueue({}, {}, {}, streams(1)).share_done(), 1);
}

TEST(WorkQueue, TakesASingleStreamThroughTheWholeRun) {
    Plan plan;
    plan.tables = {queue_table(0, 3, 300 * kMegabyte, {10 * kMegabyte, 20 * kMegabyte}),
                   queue_table(1, 1, 100 * kMegabyte, {8192})};
    WorkQueue queue(plan, {}, {}, streams(1));
    // Key order within a table; the larger index first; small indexes come with the table's end.
    const auto list = alone(plan, queue);
    const std::vector<std::string> copies = {"t0.0", "t0.1", "t0.2"};
    EXPECT_TRUE(std::equal(copies.begin(), copies.end(), list.begin()));
    for (const auto* wanted :
         {"index i100001", "index i100000", "finish t0", "t1.0", "finish t1", "release"}) {
        EXPECT_EQ(std::count(list.begin(), list.end(), wanted), 1) << wanted;
    }
    EXPECT_EQ(list.size(), 9U);
    EXPECT_LT(std::find(list.begin(), list.end(), "index i100001"),
              std::find(list.begin(), list.end(), "index i100000"));
    EXPECT_TRUE(queue.all_copied());
    EXPECT_TRUE(queue.all_done());
    EXPECT_NO_THROW(queue.rethrow());
}

TEST(WorkQueue, AnalyzesAPartitionedTableOnceWhenItsLastLeafIsFinished) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 100 * kMegabyte), queue_table(1, 1, kMegabyte / 10),
                   queue_table(2, 1, 50 * kMegabyte)};
    for (const int leaf : {0, 1}) {
        plan.tables[static_cast<std::size_t>(leaf)].info.root_schema = "public";
        plan.tables[static_cast<std::size_t>(leaf)].info.root_name = "Root";
    }
    {
        WorkQueue queue(plan, {}, {}, streams(1));
        const auto list = alone(plan, queue);
        const auto analyze = std::find(list.begin(), list.end(), "analyze \"public\".\"Root\"");
        ASSERT_NE(analyze, list.end());
        EXPECT_EQ(std::count(list.begin(), list.end(), *analyze), 1);
        EXPECT_LT(std::find(list.begin(), list.end(), "finish t0"), analyze);
        EXPECT_LT(std::find(list.begin(), list.end(), "t1.0"), analyze);
        EXPECT_EQ(queue.analyzed(), std::set<std::string>{"\"public\".\"Root\""});
    }
    // Who finishes only some of the leaves, or none, leaves it to the end of the run.
    WorkQueue resumed(plan, {{{1, 0}}, {}}, {1}, streams(1));
    WorkQueue copy_only(plan, {}, {}, streams(1, false));
    for (auto* queue : {&resumed, &copy_only}) {
        const auto list = alone(plan, *queue);
        EXPECT_EQ(std::count(list.begin(), list.end(), "analyze \"public\".\"Root\""), 0);
        EXPECT_TRUE(queue->analyzed().empty());
    }
}

TEST(WorkQueue, ReadsTablesBackAfterTheirIndexesAndBeforeTheirEnd) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 300 * kMegabyte, {10 * kMegabyte}),
                   queue_table(1, 1, 100 * kMegabyte)};
    auto options = streams(1);
    options.read_back = {{0, 2}};
    WorkQueue queue(plan, {}, {}, options);
    const auto list = alone(plan, queue);
    const auto place = [&](const char* what) {
        EXPECT_EQ(std::count(list.begin(), list.end(), what), 1) << what;
        return std::find(list.begin(), list.end(), what);
    };
    EXPECT_LT(place("t0.1"), place("read t0.0"));
    EXPECT_LT(place("index i100000"), place("read t0.0"));
    EXPECT_LT(place("read t0.0"), place("read t0.1"));
    EXPECT_LT(place("read t0.1"), place("finish t0"));
    EXPECT_EQ(list.size(), 9U) << "the other table is not read";
    EXPECT_TRUE(queue.all_done());
}

TEST(WorkQueue, FinishesATableOnlyWhenItsLastPieceIsRead) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 100 * kMegabyte)};
    auto options = streams(2);
    options.read_back = {{0, 2}};
    WorkQueue queue(plan, {{{0, 0}}, {}}, {}, options);
    for (int stream = 0; stream < 2; ++stream) {
        const auto release = queue.take(stream);
        EXPECT_EQ(said(release), "release");
        queue.done(stream, *release);
    }
    const auto first = queue.take(0);
    const auto second = queue.take(1);
    EXPECT_EQ(said(first) + " " + said(second), "read t0.0 read t0.1");
    EXPECT_FALSE(queue.all_copied());
    queue.done(1, *second);
    queue.stop();
    EXPECT_FALSE(queue.all_copied()) << "one piece is still being read";
    queue.done(0, *first);
    EXPECT_TRUE(queue.all_copied());
    EXPECT_FALSE(queue.all_done());
}

TEST(WorkQueue, ReadsTablesBackAlsoWhenTheyAreNotToBeFinished) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 100 * kMegabyte, {10 * kMegabyte}), queue_table(1, 1, 1000)};
    auto options = streams(1, false);
    options.read_back = {{0, 1}, {1, 1}};
    WorkQueue queue(plan, {}, {}, options);
    std::vector<std::string> list;
    while (const auto work = queue.take(0)) {
        list.push_back(said(work));
        // A small one is read in the transaction of its rows.
        EXPECT_EQ(work->read_back_too, list.back() == "t1.0");
        queue.done(0, *work);
    }
    std::sort(list.begin(), list.end());
    EXPECT_EQ(list, (std::vector<std::string>{"read t0.0", "release", "t0.0", "t1.0"}));
    EXPECT_TRUE(queue.all_done());
}

TEST(WorkQueue, EndsAtOnceWhenThereIsNothingToDo) {
    int announced = 0;
    const Plan plan;
    auto options = streams(2);
    options.on_all_read = [&] { ++announced; };
    WorkQueue queue(plan, {}, {}, options);
    for (int stream = 0; stream < 2; ++stream) {
        const auto release = queue.take(stream);
        EXPECT_EQ(said(release), "release");
        queue.done(stream, *release);
        EXPECT_EQ(said(queue.take(stream)), "end");
    }
    EXPECT_EQ(announced, 1);
    EXPECT_TRUE(queue.all_done());
}

TEST(WorkQueue, StopsAfterTheRowsWhenAskedTo) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 300 * kMegabyte, {10 * kMegabyte}),
                   queue_table(1, 1, 1000, {8192})};
    WorkQueue queue(plan, {}, {}, streams(1, false));
    EXPECT_EQ(alone(plan, queue), (std::vector<std::string>{"t0.0", "t0.1", "t1.0", "release"}));
    EXPECT_TRUE(queue.all_done());
}

TEST(WorkQueue, PutsStreamsOnDifferentTablesAndKeepsThemThereInKeyOrder) {
    Plan plan;
    plan.tables = {queue_table(0, 3, 300 * kMegabyte), queue_table(1, 3, 200 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, streams(2));
    TwoHands hands(queue);
    for (const auto* chunk : {".0", ".1", ".2"}) {
        for (int stream = 0; stream < 2; ++stream) {
            EXPECT_EQ(said(hands.next(stream)), "t" + std::to_string(stream) + chunk);
        }
    }
}

TEST(WorkQueue, LetsASecondStreamOfATableBeginInItsMiddle) {
    Plan plan;
    plan.tables = {queue_table(0, 8, 800 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, streams(2));
    TwoHands hands(queue);
    std::vector<std::vector<int>> taken(2);
    for (int i = 0; i < 8; ++i) {
        const auto& work = hands.next(i % 2);
        ASSERT_TRUE(work && work->kind == Work::Kind::copy);
        taken[static_cast<std::size_t>(i % 2)].push_back(work->chunks.front().chunk->number);
    }
    EXPECT_EQ(taken[0], (std::vector<int>{0, 1, 2, 3}));
    EXPECT_EQ(taken[1], (std::vector<int>{4, 5, 6, 7}));
}

TEST(WorkQueue, BeginsWithTheLongestWayLeftIndexesIncluded) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 200 * kMegabyte),
                   queue_table(1, 2, 150 * kMegabyte, {100 * kMegabyte})};
    WorkQueue queue(plan, {}, {}, streams(1));
    EXPECT_EQ(said(queue.take(0)), "t1.0");
}

TEST(WorkQueue, LoadsSmallTablesTogetherAndFinishesThemInTheSameWork) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 900 * 1024, {8192}), queue_table(1, 1, 800, {8192}),
                   queue_table(2, 1, 0)};
    WorkQueue queue(plan, {}, {}, streams(1));
    const auto work = queue.take(0);
    EXPECT_EQ(said(work), "t0.0+t1.0+t2.0");
    EXPECT_TRUE(work->finish_too);
    queue.done(0, *work);
    EXPECT_EQ(alone(plan, queue), std::vector<std::string>{"release"});
    EXPECT_TRUE(queue.all_done());
}

TEST(WorkQueue, BoundsWhatSmallTablesShareOneTransaction) {
    Plan plan;
    for (int i = 0; i < 100; ++i) plan.tables.push_back(queue_table(i, 1, 8192));
    for (int i = 100; i < 120; ++i) plan.tables.push_back(queue_table(i, 1, 900 * 1024));
    WorkQueue queue(plan, {}, {}, streams(1));
    std::size_t tables = 0;
    while (const auto work = queue.take(0)) {
        std::int64_t bytes = 0;
        for (const auto& [table, chunk] : work->chunks) bytes += table->info.bytes();
        EXPECT_LE(work->chunks.size(), 64U);
        EXPECT_LE(bytes, 9 * kMegabyte);
        tables += work->chunks.size();
        queue.done(0, *work);
    }
    EXPECT_EQ(tables, 120U);
}

TEST(WorkQueue, LeavesOutWhatIsLoadedAndFinishedAlready) {
    Plan plan;
    plan.tables = {queue_table(0, 3, 300 * kMegabyte, {10 * kMegabyte}),
                   queue_table(1, 1, 100 * kMegabyte, {10 * kMegabyte}), queue_table(2, 1, 1000)};
    plan.large_objects = {{0, 1, 9, 1}, {1, 10, 19, 1}};
    snapshot::LoadedChunks loaded;
    loaded.tables = {{0, 0}, {0, 2}, {1, 0}, {2, 0}};
    loaded.large_objects = {0};
    WorkQueue queue(plan, loaded, {2}, streams(1));
    auto list = alone(plan, queue);
    std::sort(list.begin(), list.end());
    EXPECT_EQ(list, (std::vector<std::string>{"finish t0", "finish t1", "index i100000",
                                              "index i100100", "objects 1", "release", "t0.1"}));
    EXPECT_TRUE(queue.all_done());
}

TEST(WorkQueue, DoesNotBuildTheIndexOfAnExclusionConstraint) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 100 * kMegabyte, {50 * kMegabyte})};
    plan.tables[0].info.indexes[0].constraint_kind = "x";
    WorkQueue queue(plan, {}, {}, streams(1));
    EXPECT_EQ(alone(plan, queue), (std::vector<std::string>{"t0.0", "release", "finish t0"}));
}

TEST(WorkQueue, TellsAnIndexBuildHowManyStreamsAreIdle) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 100 * kMegabyte, {50 * kMegabyte, 50 * kMegabyte})};
    snapshot::LoadedChunks loaded;
    loaded.tables = {{0, 0}};
    WorkQueue queue(plan, loaded, {}, streams(4));
    queue.done(0, *queue.take(0));  // release
    EXPECT_EQ(queue.take(0)->idle_streams, 2) << "of three, because another can begin beside it";
    queue.done(1, *queue.take(1));
    EXPECT_EQ(queue.take(1)->idle_streams, 2);
}

TEST(WorkQueue, WantsHelpersForAnIndexThatWouldEndAfterAllOtherWork) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 100 * kMegabyte, {400 * kMegabyte}),
                   queue_table(1, 1, 100 * kMegabyte, {100 * kMegabyte})};
    snapshot::LoadedChunks loaded;
    loaded.tables = {{0, 0}, {1, 0}};
    WorkQueue queue(plan, loaded, {}, streams(4));
    queue.done(0, *queue.take(0));  // release
    const auto longest = queue.take(0);
    ASSERT_EQ(longest->index->bytes, 400 * kMegabyte);
    EXPECT_EQ(longest->helpers_wanted, 6) << "a stream's share of what is left is 125 MB";
    queue.done(1, *queue.take(1));  // release
    EXPECT_EQ(queue.take(1)->helpers_wanted, 8) << "the share of the last work is a fourth of it";
}

TEST(WorkQueue, WantsNoHelpersForOneIndexOfMany) {
    Plan plan;
    plan.tables = {queue_table(
        0, 1, 100 * kMegabyte,
        {50 * kMegabyte, 50 * kMegabyte, 50 * kMegabyte, 50 * kMegabyte, 50 * kMegabyte})};
    snapshot::LoadedChunks loaded;
    loaded.tables = {{0, 0}};
    WorkQueue queue(plan, loaded, {}, streams(2));
    queue.done(0, *queue.take(0));  // release
    EXPECT_EQ(queue.take(0)->helpers_wanted, 0);
}

TEST(WorkQueue, HandsOutNothingAfterAStopButLetsWorkInHandEnd) {
    Plan plan;
    plan.tables = {queue_table(0, 3, 300 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, streams(1));
    const auto work = queue.take(0);
    queue.stop();
    EXPECT_TRUE(queue.ended());
    queue.done(0, *work);
    EXPECT_EQ(said(queue.take(0)), "end");
    EXPECT_FALSE(queue.all_copied());
    EXPECT_FALSE(queue.all_done());
    EXPECT_NO_THROW(queue.rethrow());
}

TEST(WorkQueue, KeepsTheFirstErrorAndHandsOutNothingMore) {
    Plan plan;
    plan.tables = {queue_table(0, 3, 300 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, streams(2));
    queue.take(0);
    queue.fail(std::make_exception_ptr(std::runtime_error("first")));
    queue.fail(std::make_exception_ptr(std::runtime_error("second")));
    EXPECT_EQ(said(queue.take(1)), "end");
    EXPECT_TRUE(queue.ended());
    try {
        queue.rethrow();
        ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "first");
    }
}

TEST(WorkQueue, PassesOnWhatTheLastCopysAnnouncementThrows) {
    Plan plan;
    auto options = streams(1);
    options.on_all_read = [] { throw std::runtime_error("sequences"); };
    WorkQueue queue(plan, {}, {}, options);
    EXPECT_THROW(queue.take(0), std::runtime_error);
}

TEST(WorkDisplay, NamesTableRangeAndObject) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 100), queue_table(1, 1, 100, {1})};
    plan.tables[0].chunks[1].range.lo = snapshot::Key{"5"};
    Work work;
    work.chunks = {{&plan.tables[0], &plan.tables[0].chunks[1]}};
    EXPECT_EQ(work.display(), "copy public.t0 [5, +inf)");
    work.chunks = {{&plan.tables[1], &plan.tables[1].chunks[0]}};
    EXPECT_EQ(work.display(), "copy public.t1");
    work.chunks.push_back(work.chunks.front());
    EXPECT_EQ(work.display(), "copy public.t1 and 1 more small tables");
    work.kind = Work::Kind::build_index;
    work.table = &plan.tables[1];
    work.index = &plan.tables[1].info.indexes[0];
    EXPECT_EQ(work.display(), "index public.i100100");
}

}  // namespace
}  // namespace pghaul::loader
