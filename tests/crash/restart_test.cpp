// The rule against mixing two moments, and runs that are killed at moments nobody chose.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/crash/crash_steps.hpp"

namespace pghaul::test {
namespace {

using namespace std::chrono_literals;

class Restart : public HaulTest {
  protected:
    static Pair killed_in_the_middle() {
        auto pair = crash_pair();
        const auto killed =
            run(pair, crash_arguments(), {{"PGHAUL_FAILPOINTS", "copy_before_commit=kill@5"}});
        EXPECT_EQ(killed.signal, SIGKILL);
        EXPECT_FALSE(loaded_chunks(pair).empty());
        return pair;
    }
    static Arguments with(const std::string& option) {
        auto arguments = crash_arguments();
        arguments.push_back(option);
        return arguments;
    }
    static void change_the_source(const Pair& pair) {
        pair.source_sql(R"sql(
            insert into large select i, 'new' from generate_series(50001, 50100) i;
            update large set pad = 'changed' where id % 100 = 0;
            delete from parted where id < 500 and id > 100;
            insert into "key.less" values (99, 'new');
            select nextval('lonely');
            refresh materialized view counted;
            select lo_create(9500);
            select lo_unlink(9002);
            create table came_later (id int primary key);
            drop table small_too;)sql");
    }
};

TEST_F(Restart, RefusesToMixTwoMomentsOffersBothWaysAndChangesNothing) {
    const auto pair = killed_in_the_middle();
    const auto before = loaded_chunks(pair);
    const std::string rows = "select count(*) from large; select count(*) from \"key.less\";";
    const auto rows_before = pair.target_sql(rows);
    const auto result = run(pair, crash_arguments());
    EXPECT_TRUE(refused(
        result, 3, {"--restart-copy throws away", "--source-is-quiet goes on", "snapshot of 20"}));
    EXPECT_EQ(loaded_chunks(pair), before);
    EXPECT_EQ(pair.target_sql(rows), rows_before);
    EXPECT_EQ(phase(pair), "copying");
}

TEST_F(Restart, WithRestartCopyTakesTheSourceAsItIsNow) {
    const auto pair = killed_in_the_middle();
    change_the_source(pair);
    EXPECT_TRUE(exited(run(pair, with("--restart-copy")), 0));
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot;"), "1");
}

TEST_F(Restart, WithRestartCopyMayBeKilledAndRestartedAgain) {
    const auto pair = killed_in_the_middle();
    for (const std::string at : {"schema_before", "schema_after", "copy_before_commit"}) {
        const auto killed =
            run(pair, with("--restart-copy"), {{"PGHAUL_FAILPOINTS", at + "=kill"}});
        ASSERT_EQ(killed.signal, SIGKILL) << at << killed.err;
    }
    change_the_source(pair);
    EXPECT_TRUE(exited(run(pair, with("--restart-copy")), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Restart, WithAQuietSourceKeepsWhatIsLoaded) {
    const auto pair = killed_in_the_middle();
    const auto before = loaded_chunks(pair);
    EXPECT_TRUE(exited(run(pair, with("--source-is-quiet")), 0));
    const auto after = loaded_chunks(pair);
    for (const auto& [chunk, when] : before) EXPECT_EQ(after.at(chunk), when);
    EXPECT_TRUE(equal(pair, true));
    EXPECT_EQ(pair.target_sql("select count(*) from pghaul.snapshot;"), "2");
}

TEST_F(Restart, SeesThatASourceCalledQuietHasOtherTablesNow) {
    const auto pair = killed_in_the_middle();
    const auto before = loaded_chunks(pair);
    pair.source_sql("create table came_later (id int primary key);");
    EXPECT_TRUE(refused(run(pair, with("--source-is-quiet")), 3, {"came_later", "--restart-copy"}));
    pair.source_sql("drop table came_later; alter table \"key.less\" rename to renamed;");
    EXPECT_TRUE(refused(run(pair, with("--source-is-quiet")), 3, {"the source has changed", "--restart-copy"}));
    EXPECT_EQ(loaded_chunks(pair), before);
}

TEST_F(Restart, NeverDropsWhatStoodInTheTargetBefore) {
    const auto pair = fresh_pair(R"sql(
        create schema shop;
        create type shop.mood as enum ('sad');
        create table shop.orders (id int primary key, m shop.mood);
        insert into shop.orders values (1, 'sad');
        select lo_from_bytea(5, 'source');)sql");
    pair.target_sql(R"sql(
        create schema mine; create type mine.kept as enum ('x'); create table mine.rows (k mine.kept);
        insert into mine.rows values ('x');
        select lo_from_bytea(5, 'mine');)sql");
    // Leaves mine out, so that it may stand in the target; the large objects' numbers collide.
    const Arguments choice = {"-N", "mine"};
    const auto first = run(pair, choice);
    EXPECT_FALSE(exited(first, 0));
    auto again = choice;
    again.emplace_back("--restart-copy");
    EXPECT_FALSE(exited(run(pair, again), 0));
    EXPECT_EQ(pair.target_sql("select * from mine.rows;"), "x");
    EXPECT_EQ(pair.target_sql("select convert_from(lo_get(5), 'UTF8');"), "mine");
    pair.target_sql("select lo_unlink(5);");
    EXPECT_TRUE(exited(run(pair, again), 0));
    EXPECT_EQ(pair.target_sql("select * from shop.orders;"), "1|sad");
}

TEST_F(Restart, NeverDropsATypeThatItDidNotMake) {
    const auto pair = fresh_pair(R"sql(
        create schema shop;
        create type shop.mood as enum ('sad');
        create table shop.orders (id int primary key, m shop.mood);)sql");
    pair.target_sql("create schema shop; create type shop.mood as enum ('mine');");
    for (int attempt = 0; attempt < 2; ++attempt) {
        EXPECT_FALSE(exited(run(pair, {"-n", "shop", "--restart-copy"}), 0));
        EXPECT_EQ(pair.target_sql("select enum_range(null::shop.mood);"), "{mine}");
    }
    pair.target_sql("drop schema shop cascade;");
    EXPECT_TRUE(exited(run(pair, {"-n", "shop"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Restart, BeforeAnyChunkNeedsNoPromise) {
    const auto pair = crash_pair();
    const auto killed = run(pair, crash_arguments(), {{"PGHAUL_FAILPOINTS", "schema_after=kill"}});
    ASSERT_EQ(killed.signal, SIGKILL);
    change_the_source(pair);
    EXPECT_TRUE(exited(run(pair, crash_arguments()), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Restart, FinishesHoweverOftenItIsKilledAtRandomMoments) {
    const char* wanted = std::getenv("PGHAUL_TEST_KILLS");
    const int rounds = wanted == nullptr ? 2 : std::atoi(wanted);
    const char* given = std::getenv("PGHAUL_TEST_SEED");
    const auto seed = given == nullptr ? std::random_device{}()
                                       : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
    std::cout << "seed " << seed << " (PGHAUL_TEST_SEED), " << rounds
              << " rounds (PGHAUL_TEST_KILLS)\n";
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> moment_ms(50, 1500);
    for (int round = 0; round < rounds; ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        const auto pair = crash_pair();
        int kills = 0;
        for (bool done = false; !done && kills < 20;) {
            ChildProcess child(run_argv(pair, with("--source-is-quiet")));
            const auto before = loaded_chunks(pair);
            if (const auto result = child.wait(std::chrono::milliseconds(moment_ms(random)))) {
                ASSERT_TRUE(exited(*result, 0));
                done = true;
            } else {
                child.kill(SIGKILL);
                child.wait(5s);
                ++kills;
            }
            const auto after = loaded_chunks(pair);
            for (const auto& [chunk, when] : before) {
                ASSERT_TRUE(after.contains(chunk)) << chunk << " was forgotten";
                EXPECT_EQ(after.at(chunk), when) << chunk << " was copied again";
            }
        }
        expect_rerun_finishes(pair);
    }
}

}  // namespace
}  // namespace pghaul::test
