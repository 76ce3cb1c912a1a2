// Many runs of real streams (threads) over random plans; the rules that must hold in every one.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "loader/work_queue.hpp"
#include "tests/loader/queue_plans.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Plan;

constexpr std::int64_t kSmallIndex = 4 * test::kMegabyte;

struct Event {
    enum class What { taken, done, all_read };
    What what;
    int stream = -1;
    std::optional<Work> work = std::nullopt;
};

/// One run, and everything that happened in it, in order: `taken` is noted after take() returned
/// and `done` before done() is called, so whatever the queue derives from a done comes later.
class Streams {
  public:
    Streams(const Plan& plan, const snapshot::LoadedChunks& loaded, const std::set<int>& finished,
            int streams, bool finish)
        : streams_(streams), queue_(plan, loaded, finished, options(finish)) {}

    /// at_event: called with the number of work items taken so far, by the stream that took one.
    template <typename AtEvent>
    void go(unsigned seed, AtEvent at_event) {
        std::vector<std::jthread> threads;
        for (int i = 0; i < streams_; ++i) {
            threads.emplace_back([this, i, seed, at_event] {
                std::minstd_rand random(seed + static_cast<unsigned>(i));
                while (const auto work = queue_.take(i)) {
                    const auto count = note({Event::What::taken, i, work});
                    for (auto turns = random() % 20; turns > 0; --turns) std::this_thread::yield();
                    if (!at_event(count)) return;  // this stream died with its work
                    note({Event::What::done, i, work});
                    queue_.done(i, *work);
                }
            });
        }
    }
    void go(unsigned seed) {
        go(seed, [](std::size_t) { return true; });
    }

    WorkQueue& queue() { return queue_; }
    const std::vector<Event>& events() const { return events_; }

  private:
    WorkQueue::Options options(bool finish) {
        WorkQueue::Options options;
        options.streams = streams_;
        options.finish = finish;
        options.on_all_read = [this] { note({Event::What::all_read}); };
        return options;
    }
    std::size_t note(Event event) {
        const std::lock_guard guard(mutex_);
        if (event.what == Event::What::taken) ++taken_;
        events_.push_back(std::move(event));
        return taken_;
    }

    int streams_;
    std::mutex mutex_;
    std::size_t taken_ = 0;
    std::vector<Event> events_;
    WorkQueue queue_;
};

bool is_copy(const Work& work) {
    return work.kind == Work::Kind::copy || work.kind == Work::Kind::large_objects;
}

/// The rules that hold however a run ends.
void expect_rules(const Plan& plan, const snapshot::LoadedChunks& loaded,
                  const std::set<int>& finished, const Streams& run) {
    std::map<std::pair<int, int>, int> chunks_taken;
    std::map<int, int> objects_taken;
    std::map<int, std::size_t> chunks_done;  // per table, this run's and earlier ones'
    std::map<int, std::set<snapshot::Oid>> indexes_taken, indexes_done;
    std::set<int> ended = finished;
    std::map<int, int> released;
    std::size_t copies_open = 0;
    int announced = 0;
    for (const auto& [table, chunk] : loaded.tables) ++chunks_done[table];
    const auto expect_all_copied = [&] {
        EXPECT_EQ(copies_open, 0U) << "a copy is still in hand";
        for (const auto& table : plan.tables) {
            EXPECT_EQ(chunks_done[table.number], table.chunks.size()) << table.info.name;
        }
    };

    for (const auto& event : run.events()) {
        if (event.what == Event::What::all_read) {
            ++announced;
            expect_all_copied();
            continue;
        }
        const Work& work = *event.work;
        const bool taken = event.what == Event::What::taken;
        if (is_copy(work)) copies_open += taken ? 1U : static_cast<std::size_t>(-1);
        for (const auto& [table, chunk] : work.chunks) {
            if (!taken) ++chunks_done[table->number];
            if (!taken && work.finish_too) ended.insert(table->number);
            if (!taken) continue;
            EXPECT_EQ(++chunks_taken[std::pair(table->number, chunk->number)], 1) << work.display();
            EXPECT_FALSE(loaded.tables.contains({table->number, chunk->number})) << work.display();
            EXPECT_EQ(announced, 0) << work.display();
        }
        if (taken && work.objects != nullptr) {
            EXPECT_EQ(++objects_taken[work.objects->number], 1);
            EXPECT_FALSE(loaded.large_objects.contains(work.objects->number));
        }
        if (taken && work.kind == Work::Kind::release_source) {
            expect_all_copied();
            EXPECT_EQ(++released[event.stream], 1);
        }
        if (work.kind == Work::Kind::build_index) {
            const int number = work.table->number;
            if (!taken) {
                indexes_done[number].insert(work.index->oid);
                continue;
            }
            EXPECT_EQ(chunks_done[number], work.table->chunks.size()) << work.display();
            EXPECT_TRUE(indexes_taken[number].insert(work.index->oid).second) << work.display();
            EXPECT_GE(work.index->bytes, kSmallIndex);
            EXPECT_NE(work.index->constraint_kind, "x");
            EXPECT_FALSE(ended.contains(number)) << work.display();
            EXPECT_GE(work.idle_streams, 0);
        }
        if (work.kind == Work::Kind::finish && taken) {
            const int number = work.table->number;
            EXPECT_EQ(chunks_done[number], work.table->chunks.size()) << work.display();
            for (const auto& index : work.table->info.indexes) {
                const bool apart = index.bytes >= kSmallIndex && index.constraint_kind != "x";
                EXPECT_EQ(indexes_done[number].contains(index.oid), apart) << work.display();
            }
            EXPECT_TRUE(ended.insert(number).second) << work.display() << " twice";
        }
    }
    EXPECT_LE(announced, 1);
}

/// Some chunks loaded by an earlier run, some of the complete tables finished.
void choose_earlier_progress(const Plan& plan, std::mt19937& random, snapshot::LoadedChunks& loaded,
                             std::set<int>& finished) {
    for (const auto& table : plan.tables) {
        const auto share = random() % 3;
        bool all = true;
        for (const auto& chunk : table.chunks) {
            if (share == 2 || (share == 1 && random() % 2 == 0)) {
                loaded.tables.emplace(table.number, chunk.number);
            } else {
                all = false;
            }
        }
        if (all && random() % 2 == 0) finished.insert(table.number);
    }
    for (const auto& chunk : plan.large_objects) {
        if (random() % 3 == 0) loaded.large_objects.insert(chunk.number);
    }
}

struct Round {
    Plan plan;
    snapshot::LoadedChunks loaded;
    std::set<int> finished;
    int streams = 1;

    explicit Round(std::mt19937& random) : plan(test::random_plan(random)) {
        if (random() % 2 == 0) choose_earlier_progress(plan, random, loaded, finished);
        streams = 1 + static_cast<int>(random() % 5);
    }
};

class WorkQueueStreams : public testing::Test {
  protected:
    unsigned seed_ = std::random_device{}();
    testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
    std::mt19937 random_{seed_};
};

TEST_F(WorkQueueStreams, DoEverythingOnceAndInOrder) {
    for (int number = 0; number < 300; ++number) {
        SCOPED_TRACE("round " + std::to_string(number));
        const Round round(random_);
        const bool finish = random_() % 4 != 0;
        Streams run(round.plan, round.loaded, round.finished, round.streams, finish);
        run.go(static_cast<unsigned>(random_()));
        expect_rules(round.plan, round.loaded, round.finished, run);

        std::size_t chunks = round.loaded.tables.size();
        std::size_t objects = round.loaded.large_objects.size();
        std::set<int> ended = round.finished;
        int announced = 0;
        int released = 0;
        for (const auto& event : run.events()) {
            if (event.what == Event::What::all_read) ++announced;
            if (event.what != Event::What::done) continue;
            chunks += event.work->chunks.size();
            if (event.work->objects != nullptr) ++objects;
            if (event.work->kind == Work::Kind::release_source) ++released;
            if (event.work->kind == Work::Kind::finish) ended.insert(event.work->table->number);
            if (event.work->finish_too) {
                for (const auto& piece : event.work->chunks) ended.insert(piece.table->number);
            }
        }
        EXPECT_EQ(static_cast<std::int64_t>(chunks + objects), round.plan.total_chunks());
        EXPECT_EQ(announced, 1);
        EXPECT_EQ(released, round.streams);
        EXPECT_EQ(ended.size(), finish ? round.plan.tables.size() : round.finished.size());
        EXPECT_TRUE(run.queue().all_copied());
        EXPECT_TRUE(run.queue().all_done());
        if (HasFailure()) return;
    }
}

TEST_F(WorkQueueStreams, AllEndWhenOneFails) {
    for (int number = 0; number < 200; ++number) {
        SCOPED_TRACE("round " + std::to_string(number));
        const Round round(random_);
        Streams run(round.plan, round.loaded, round.finished, round.streams, true);
        const std::size_t fatal = 1 + random_() % 12;
        run.go(static_cast<unsigned>(random_()), [&](std::size_t count) {
            if (count != fatal) return true;
            run.queue().fail(std::make_exception_ptr(std::runtime_error("boom")));
            return false;
        });
        expect_rules(round.plan, round.loaded, round.finished, run);
        if (run.queue().ended()) {
            EXPECT_THROW(run.queue().rethrow(), std::runtime_error);
            EXPECT_FALSE(run.queue().all_done());
        }
        if (HasFailure()) return;
    }
}

TEST_F(WorkQueueStreams, FinishWhatTheyHoldWhenTheTimeIsUp) {
    for (int number = 0; number < 200; ++number) {
        SCOPED_TRACE("round " + std::to_string(number));
        const Round round(random_);
        Streams run(round.plan, round.loaded, round.finished, round.streams, true);
        const std::size_t last = 1 + random_() % 12;
        run.go(static_cast<unsigned>(random_()), [&](std::size_t count) {
            if (count == last) run.queue().stop();
            return true;
        });
        expect_rules(round.plan, round.loaded, round.finished, run);
        std::size_t open = 0;
        for (const auto& event : run.events()) {
            if (event.what == Event::What::taken) ++open;
            if (event.what == Event::What::done) --open;
        }
        EXPECT_EQ(open, 0U);
        EXPECT_NO_THROW(run.queue().rethrow());
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace pghaul::loader
