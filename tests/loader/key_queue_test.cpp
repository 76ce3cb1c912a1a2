// Which foreign keys are made while others still copy, and in what order.
#include "loader/key_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/loader/queue_plans.hpp"
#include "tests/loader/queue_words.hpp"

namespace pghaul::loader {
namespace {

using snapshot::ForeignKey;
using snapshot::Plan;
using test::kMegabyte;
using test::queue_table;

ForeignKey key(const Plan& plan, const std::string& name, int table, snapshot::Oid referenced) {
    const auto& info = plan.tables[static_cast<std::size_t>(table)].info;
    ForeignKey made;
    made.name = name;
    made.table = info.qualified();
    made.table_display = info.name;
    made.referenced_oid = referenced;
    return made;
}

/// t0 to t3, each of one chunk; t2 and t3 are the leaves of "Root".
Plan four_tables() {
    Plan plan;
    for (int i = 0; i < 4; ++i) plan.tables.push_back(queue_table(i, 1, (40 - i) * kMegabyte));
    for (const std::size_t leaf : {2U, 3U}) {
        plan.tables[leaf].info.root_schema = "public";
        plan.tables[leaf].info.root_name = "Root";
    }
    return plan;
}

constexpr snapshot::Oid kOidOfT0 = 1000;

ForeignKey key_of_root() {
    ForeignKey made;
    made.name = "of root";
    made.table = "\"public\".\"Root\"";
    made.table_display = "public.\"Root\"";
    made.on_partitioned = true;
    made.referenced_oid = kOidOfT0;
    return made;
}

class KeyQueueTest : public testing::Test {
  protected:
    std::optional<Work> next(KeyQueue& queue) {
        return queue.next([&](int table) { return finished_.contains(table); },
                          [&](const std::string& name) { return busy_.contains(name); });
    }
    std::set<int> finished_;
    std::set<std::string> busy_;
};

TEST_F(KeyQueueTest, WaitsForBothTables) {
    auto plan = four_tables();
    plan.foreign_keys = {key(plan, "a", 1, kOidOfT0), key(plan, "b", 1, kOidOfT0)};
    KeyQueue queue(plan);
    EXPECT_FALSE(next(queue));
    finished_ = {1};
    EXPECT_FALSE(next(queue)) << "t0 is not complete";
    finished_ = {0, 1};
    const auto work = next(queue);
    ASSERT_TRUE(work);
    EXPECT_EQ(work->display(), "foreign keys of t1");
    EXPECT_EQ(work->keys.size(), 2U) << "all of a table at once";
    EXPECT_FALSE(work->reads_source());
    EXPECT_FALSE(next(queue)) << "only once";
    queue.done(*work);
    EXPECT_FALSE(next(queue));
}

TEST_F(KeyQueueTest, LeavesWhatItDoesNotKnowToTheEnd) {
    auto plan = four_tables();
    plan.foreign_keys = {key(plan, "to a table that does not come along", 1, 77),
                         key(plan, "of a plan of an older version", 1, 0)};
    plan.foreign_keys.push_back(key_of_root());
    plan.foreign_keys.back().table = "\"public\".\"in the middle\"";
    KeyQueue queue(plan);
    finished_ = {0, 1, 2, 3};
    EXPECT_FALSE(next(queue));
    KeyQueue nothing;
    EXPECT_FALSE(next(nothing));
}

TEST_F(KeyQueueTest, APartitionedTableWaitsForAllItsLeavesAndForItsStatistics) {
    auto plan = four_tables();
    plan.foreign_keys = {key_of_root()};
    KeyQueue queue(plan);
    finished_ = {0, 2};
    EXPECT_FALSE(next(queue)) << "t3 is not complete";
    finished_.insert(3);
    busy_ = {"\"public\".\"Root\""};
    EXPECT_FALSE(next(queue)) << "it is being analyzed";
    busy_.clear();
    const auto work = next(queue);
    ASSERT_TRUE(work);
    EXPECT_TRUE(queue.in_hand("\"public\".\"Root\""));
    queue.done(*work);
    EXPECT_FALSE(queue.in_hand("\"public\".\"Root\""));
}

TEST_F(KeyQueueTest, TwoThatWouldWaitForEachOtherComeOneAfterTheOther) {
    auto plan = four_tables();
    finished_ = {0, 1, 2, 3};
    const auto oid = [&](std::size_t table) { return plan.tables[table].info.oid; };
    const auto two = [&](const ForeignKey& a, const ForeignKey& b) {
        plan.foreign_keys = {a, b};
        KeyQueue queue(plan);
        const auto first = next(queue);
        const bool both = next(queue).has_value();
        queue.done(*first);
        if (!both) {
            EXPECT_TRUE(next(queue)) << "not lost";
        }
        return both;
    };
    EXPECT_TRUE(two(key(plan, "a", 1, oid(0)), key(plan, "b", 2, oid(0)))) << "to one table";
    EXPECT_FALSE(two(key(plan, "a", 0, oid(1)), key(plan, "b", 1, oid(0)))) << "to each other";
    EXPECT_FALSE(two(key_of_root(), key(plan, "b", 2, oid(1)))) << "a table and its leaf";
    EXPECT_FALSE(two(key(plan, "a", 1, oid(0)), key(plan, "b", 0, oid(3))))
        << "of the other's table";
    EXPECT_FALSE(two(key_of_root(), key(plan, "b", 1, oid(0)))) << "to a partitioned table's other";
    EXPECT_TRUE(two(key(plan, "self", 1, oid(1)), key(plan, "b", 2, oid(0))));
}

TEST(WorkQueue, MakesForeignKeysBesideReadBacks) {
    auto plan = four_tables();
    plan.foreign_keys = {key(plan, "a", 1, kOidOfT0), key_of_root()};
    auto options = streams(1);
    options.read_back = {{0, 1}, {1, 1}, {2, 1}, {3, 1}};
    for (const bool wanted : {true, false}) {
        options.foreign_keys = wanted;
        WorkQueue queue(plan, {}, {}, options);
        const auto list = alone(plan, queue);
        const auto place = [&](const char* what) {
            return std::find(list.begin(), list.end(), what);
        };
        EXPECT_EQ(std::count(list.begin(), list.end(), "keys of t1"), wanted ? 1 : 0);
        EXPECT_EQ(std::count(list.begin(), list.end(), "keys of public.\"Root\""), wanted ? 1 : 0);
        if (wanted) {
            EXPECT_LT(place("finish t0"), place("keys of t1"));
            EXPECT_LT(place("finish t1"), place("keys of t1"));
            EXPECT_LT(place("keys of public.\"Root\""), place("read t1.0"));
        }
        EXPECT_TRUE(queue.all_done());
    }
}

TEST(WorkQueue, ReadsBackFirstWhatForeignKeysWaitFor) {
    Plan plan;
    plan.tables = {queue_table(0, 1, 90 * kMegabyte), queue_table(1, 1, 20 * kMegabyte),
                   queue_table(2, 1, 10 * kMegabyte)};
    plan.foreign_keys = {key(plan, "a", 1, plan.tables[2].info.oid)};
    auto options = streams(1);
    options.read_back = {{0, 1}, {1, 1}, {2, 1}};
    options.foreign_keys = true;
    WorkQueue queue(plan, {}, {}, options);
    const auto list = alone(plan, queue);
    EXPECT_LT(std::find(list.begin(), list.end(), "keys of t1"),
              std::find(list.begin(), list.end(), "read t0.0"));
}

}  // namespace
}  // namespace pghaul::loader
