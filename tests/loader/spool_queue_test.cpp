// What the queue hands to readers of the spool and to the streams that load from it, step by step.
#include <gtest/gtest.h>

#include <future>
#include <random>
#include <thread>

#include "loader/work_queue.hpp"
#include "tests/loader/queue_plans.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Plan;
using test::kMegabyte;
using test::queue_table;
using NotSpooled = WorkQueue::NotSpooled;

WorkQueue::Options options(SpoolMode mode, std::int64_t limit_bytes = 1000 * kMegabyte) {
    WorkQueue::Options options;
    options.streams = 2;
    options.finish = false;
    options.spool = {mode, 2, limit_bytes, {}};
    return options;
}

std::string said(const std::optional<Work>& work) {
    if (!work) return "end";
    if (work->kind == Work::Kind::release_source) return "release";
    if (work->kind == Work::Kind::large_objects) return "objects";
    const auto& one = work->chunks.front();
    const auto name = one.table->info.name + "." + std::to_string(one.chunk->number);
    return (work->kind == Work::Kind::spool ? "spool " : work->spooled ? "load " : "copy ") + name;
}

SpoolFile file_of(const Work& work, std::int64_t bytes = kMegabyte) {
    return {"file of " + said(work), 1, bytes};
}

/// take() on a thread of its own, for as long as it waits.
std::future<std::string> taking(WorkQueue& queue, int stream) {
    return std::async(std::launch::async, [&queue, stream] { return said(queue.take(stream)); });
}

bool waits(const std::future<std::string>& answer) {
    return answer.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout;
}

TEST(SpoolQueue, LetsGoOfTheSourceWhenAllIsReadNotWhenAllIsLoaded) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 20 * kMegabyte)};
    auto rules = options(SpoolMode::always);
    int announced = 0;
    rules.on_all_read = [&] { ++announced; };
    WorkQueue queue(plan, {}, {}, rules);
    const auto first = queue.take_to_spool(0);
    const auto second = queue.take_to_spool(1);
    EXPECT_EQ(said(first) + ", " + said(second), "spool t0.0, spool t0.1");
    auto stream = taking(queue, 0);
    EXPECT_TRUE(waits(stream)) << "there is nothing to load yet";
    queue.spooled(*first, file_of(*first));
    EXPECT_EQ(stream.get(), "load t0.0");
    EXPECT_EQ(announced, 0);
    queue.spooled(*second, file_of(*second));
    EXPECT_EQ(said(queue.take_to_spool(0)), "end");
    EXPECT_EQ(announced, 1);
    EXPECT_FALSE(queue.all_copied());
    EXPECT_EQ(said(queue.take(1)), "release");
}

TEST(SpoolQueue, ReadsNothingDirectlyWhileEverythingGoesThroughFiles) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 20 * kMegabyte), queue_table(1, 1, kMegabyte / 4)};
    plan.large_objects.push_back({0, 1, 2, 2});
    WorkQueue queue(plan, {}, {}, options(SpoolMode::always));
    EXPECT_EQ(said(queue.take(0)), "objects") << "nothing else lets them go";
    EXPECT_EQ(said(queue.take(1)), "copy t1.0") << "small tables go together";
}

TEST(SpoolQueue, WaitsForRoomAndForgetsWhatIsLoaded) {
    Plan plan;
    plan.tables = {queue_table(0, 3, 30 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, options(SpoolMode::always, 12 * kMegabyte));
    const auto first = queue.take_to_spool(0);
    auto reader = std::async(std::launch::async, [&] { return said(queue.take_to_spool(1)); });
    EXPECT_TRUE(waits(reader)) << "10 MB are reserved, 10 more would be too many";
    queue.spooled(*first, file_of(*first, 4 * kMegabyte));
    EXPECT_TRUE(waits(reader)) << "4 MB are there";
    const auto load = queue.take(0);
    EXPECT_EQ(said(load), "load t0.0");
    EXPECT_TRUE(waits(reader)) << "a file in hand is still on the disk";
    queue.done(0, *load);
    EXPECT_EQ(reader.get(), "spool t0.1");
}

TEST(SpoolQueue, GivesAGrowingFileRoomAsLongAsFilesAreLoaded) {
    Plan plan;
    plan.tables = {queue_table(0, 3, 30 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, options(SpoolMode::always, 24 * kMegabyte));
    const auto first = queue.take_to_spool(0);
    queue.spooled(*first, file_of(*first, 10 * kMegabyte));
    const auto second = queue.take_to_spool(0);
    EXPECT_TRUE(queue.make_room(*second, 9 * kMegabyte));
    EXPECT_TRUE(queue.make_room(*second, 14 * kMegabyte));
    auto room =
        std::async(std::launch::async, [&] { return queue.make_room(*second, 15 * kMegabyte); });
    EXPECT_EQ(room.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    const auto load = queue.take(0);
    queue.done(0, *load);
    EXPECT_TRUE(room.get());
    EXPECT_TRUE(queue.make_room(*second, 24 * kMegabyte));
    EXPECT_FALSE(queue.make_room(*second, 25 * kMegabyte)) << "no file is left to be loaded";
    queue.not_spooled(*second, NotSpooled::no_room);
    EXPECT_EQ(said(queue.take(0)), "copy t0.1") << "then it goes to the target directly";
    EXPECT_EQ(said(queue.take_to_spool(0)), "spool t0.2");
}

TEST(SpoolQueue, ReadsDirectlyWhatIsLargerThanAllFilesMayBe) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 30 * kMegabyte), queue_table(1, 1, 5 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, options(SpoolMode::always, 10 * kMegabyte));
    EXPECT_EQ(said(queue.take(0)), "copy t0.0");
    EXPECT_EQ(said(queue.take_to_spool(0)), "spool t1.0");
}

TEST(SpoolQueue, ReadsDirectlyForAWhileWhenTheDiskIsFull) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 20 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, options(SpoolMode::always));
    const auto work = queue.take_to_spool(0);
    auto stream = taking(queue, 0);
    EXPECT_TRUE(waits(stream));
    queue.not_spooled(*work, NotSpooled::disk);
    EXPECT_EQ(stream.get(), "copy t0.0");
    auto reader = std::async(std::launch::async, [&] { return said(queue.take_to_spool(0)); });
    EXPECT_TRUE(waits(reader));
    queue.stop();
    EXPECT_EQ(reader.get(), "end");
}

TEST(SpoolQueue, SpoolsOnlyWhileTheTargetFallsBehindIfItMayChoose) {
    Plan plan;
    plan.tables = {queue_table(0, 6, 60 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, options(SpoolMode::automatic));
    const auto direct = queue.take(0);
    EXPECT_EQ(said(direct), "copy t0.0");
    auto reader = std::async(std::launch::async, [&] { return queue.take_to_spool(0); });
    EXPECT_EQ(reader.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    EXPECT_TRUE(queue.begin_spooling());
    EXPECT_FALSE(queue.begin_spooling());
    const auto first = reader.get();
    ASSERT_TRUE(first);
    const auto second = queue.take(1);
    EXPECT_TRUE(said(second).starts_with("copy")) << "no file is ready, so none is waited for";
    queue.spooled(*first, file_of(*first));
    queue.done(1, *second);
    const auto third = queue.take(1);
    EXPECT_EQ(said(third), "load" + said(first).substr(5));
    queue.done(1, *third);
    EXPECT_TRUE(said(queue.take(1)).starts_with("copy")) << "the target has caught up";
    EXPECT_TRUE(queue.begin_spooling()) << "it was forgotten then";
}

TEST(SpoolQueue, LoadsWhatEarlierRunsHaveReadAndDoesNotReadIt) {
    Plan plan;
    plan.tables = {queue_table(0, 3, 30 * kMegabyte)};
    auto rules = options(SpoolMode::never);
    rules.spool.readers = 0;
    rules.spool.files[{0, 1}] = {"one", 7, kMegabyte};
    rules.spool.files[{0, 2}] = {"two", 7, kMegabyte};
    snapshot::LoadedChunks loaded;
    loaded.tables.insert({0, 0});
    int announced = 0;
    rules.on_all_read = [&] { ++announced; };
    WorkQueue queue(plan, loaded, {}, rules);
    EXPECT_EQ(said(queue.take(0)), "release");
    EXPECT_EQ(announced, 1);
    const auto work = queue.take(0);
    EXPECT_EQ(said(work), "load t0.1");
    EXPECT_EQ(work->spooled->snapshot, 7);
    EXPECT_TRUE(work->leaves_source);
}

TEST(SpoolQueue, ReadsADamagedFilesChunkAgainAsLongAsTheSourceIsHeld) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 20 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, options(SpoolMode::always));
    const auto first = queue.take_to_spool(0);
    queue.spooled(*first, file_of(*first));
    const auto load = queue.take(0);
    EXPECT_TRUE(queue.hand_back(0, *load));
    for (const std::string chunk : {"spool t0.1", "spool t0.0"}) {
        const auto again = queue.take_to_spool(0);
        EXPECT_EQ(said(again), chunk);
        queue.spooled(*again, file_of(*again));
    }
    EXPECT_EQ(said(queue.take_to_spool(0)), "end");
    EXPECT_EQ(said(queue.take(0)), "release");
    const auto late = queue.take(0);
    EXPECT_FALSE(queue.hand_back(0, *late)) << "nobody holds the snapshot any more";
}

TEST(SpoolQueue, GivesUpSpoolingForGoodWhenToldSo) {
    Plan plan;
    plan.tables = {queue_table(0, 2, 20 * kMegabyte)};
    WorkQueue queue(plan, {}, {}, options(SpoolMode::always));
    const auto work = queue.take_to_spool(0);
    queue.end_spooling();
    queue.not_spooled(*work, NotSpooled::source);
    EXPECT_EQ(said(queue.take_to_spool(0)), "end");
    EXPECT_EQ(said(queue.take(0)), "copy t0.0");
    EXPECT_FALSE(queue.begin_spooling());
}

/// Streams and readers over random plans, with trouble of every kind: each chunk is loaded once.
TEST(SpoolQueue, HasEveryChunkLoadedOnceWhateverHappens) {
    for (unsigned seed = 0; seed < 150; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random(seed);
        const auto plan = test::random_plan(random);
        const auto mode = seed % 3 == 0 ? SpoolMode::automatic : SpoolMode::always;
        auto rules = options(mode, static_cast<std::int64_t>(20 + random() % 200) * kMegabyte);
        std::mutex mutex;
        std::map<std::pair<int, int>, int> times;
        std::atomic<int> announced{0};
        rules.on_all_read = [&] { ++announced; };
        WorkQueue queue(plan, {}, {}, rules);
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 2; ++i) {
                threads.emplace_back([&, i] {
                    std::minstd_rand dice(seed * 10 + static_cast<unsigned>(i));
                    while (const auto work = queue.take(i)) {
                        if (work->spooled && dice() % 5 == 0) {
                            if (queue.hand_back(i, *work)) continue;
                            return queue.fail(std::make_exception_ptr(std::runtime_error("lost")));
                        }
                        for (const auto& [table, chunk] : work->chunks) {
                            const std::lock_guard guard(mutex);
                            ++times[{table->number, chunk->number}];
                        }
                        queue.done(i, *work);
                    }
                });
                threads.emplace_back([&, i] {
                    std::minstd_rand dice(seed * 10 + 5 + static_cast<unsigned>(i));
                    while (const auto work = queue.take_to_spool(i)) {
                        const auto trouble = dice() % 12;
                        const auto bytes = static_cast<std::int64_t>(dice() % 30) * kMegabyte;
                        if (trouble == 0) {
                            queue.not_spooled(*work, NotSpooled::source);
                        } else if (trouble == 1) {
                            queue.not_spooled(*work, NotSpooled::disk);
                        } else if (!queue.make_room(*work, bytes)) {
                            queue.not_spooled(*work, NotSpooled::no_room);
                        } else {
                            queue.spooled(*work, file_of(*work, bytes));
                        }
                    }
                });
            }
            if (mode == SpoolMode::automatic) queue.begin_spooling();
        }
        try {
            queue.rethrow();
        } catch (const std::runtime_error&) {
            continue;  // damaged when the source was let go: the next run's
        }
        EXPECT_TRUE(queue.all_done());
        EXPECT_EQ(announced, 1);
        std::size_t chunks = 0;
        for (const auto& table : plan.tables) chunks += table.chunks.size();
        EXPECT_EQ(times.size(), chunks);
        for (const auto& [chunk, count] : times) EXPECT_EQ(count, 1);
    }
}

}  // namespace
}  // namespace pghaul::loader
