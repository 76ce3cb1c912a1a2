#include "loader/verify/verify.hpp"

#include <gtest/gtest.h>

#include "loader/verify/narrow.hpp"
#include "loader/verify/units.hpp"
#include "snapshot/keeper.hpp"
#include "tests/loader/two_databases.hpp"
#include "tests/loader/verifications.hpp"

namespace pghaul::loader {
namespace {

using test::error_of;
using test::named;
using Rows = std::multiset<std::string>;

class VerifyTest : public test::TwoDatabases {
  protected:
    /// Compares these tables as they are now, each planned in so many chunks.
    VerifyResult verify(const std::vector<std::string>& tables, int chunks = 1,
                        const VerifyOptions& options = {}) {
        make_plan(tables, chunks);
        test::TwoMoments moments(source_database_, target_database_, interrupt_);
        return moments.verify(plan_, options);
    }
    void make_plan(const std::vector<std::string>& tables, int chunks = 1) {
        plan_ = {};
        for (const auto& table : tables) plan_.tables.push_back(plan_of(table, chunks));
    }
};

TEST_F(VerifyTest, NamesWhatDiffersByItsKey) {
    on_both(
        "create table t (id bigint primary key, v text);"
        "insert into t select i - 5000, 'v' || i from generate_series(1, 20000) i; analyze t");
    EXPECT_EQ(verify({"t"}, 6).rows, 20000);
    EXPECT_EQ(verify({"t"}, 6).differences(), 0);
    on_target(
        "update t set v = '' where id in (-4999, 0, 15000); delete from t where id = 7000;"
        "insert into t values (-1000000, null), (1000000, '')");
    EXPECT_EQ(named(verify({"t"}, 6)),
              (Rows{"id=-4999 different: v", "id=0 different: v", "id=15000 different: v",
                    "id=7000 missing", "id=-1000000 extra", "id=1000000 extra"}));
}

TEST_F(VerifyTest, NeverReliesOnTheOrderOfText) {
    // The heap lies in the order of the source's key, and there is enough of it to be cut.
    const std::string rows =
        "insert into t select * from (select i / 7000 as g, "
        "(array['a', 'B', 'ä', 'Z', '-', '_a', 'A b'])[1 + i % 7] || i as k, i, repeat('x', 1500) "
        "from generate_series(1, 20000) i) as made order by ";
    const auto table = [](const std::string& collation, const std::string& key) {
        return "drop table if exists t; create table t (g int, k text collate \"" + collation +
               "\", v int, pad text, primary key " + key +
               "); alter table t alter pad set storage plain;";
    };
    VerifyOptions in_ranges;
    in_ranges.sample_percent = 100;
    for (const std::string key : {"(k)", "(k, g)", "(g, k)"}) {
        const std::string order = key == "(g, k)" ? "g, k collate \"C\"" : "k collate \"C\"";
        on_source(table("C", key) + rows + order + "; analyze t");
        on_target(table("en-x-icu", key) + rows + order + "; analyze t");
        const auto same = verify({"t"}, 8, in_ranges);
        EXPECT_EQ(same.differences(), 0) << key;
        EXPECT_EQ(same.ranges > 1, key == "(g, k)") << key << ": ranges of g alone";
        on_target("update t set v = -1 where k = 'ä2'; delete from t where k = 'B1'");
        for (const auto& options : {in_ranges, VerifyOptions{}}) {
            const auto differ = verify({"t"}, 8, options);
            EXPECT_EQ(differ.differences(), 2) << key;
            EXPECT_EQ(differ.differing_tables.at(0).named.size(), 2U);
        }
    }
}

TEST_F(VerifyTest, ReadsALargeTableWithoutAKeyInPiecesOfEachSide) {
    const std::string table =
        "create table t (a int, pad text); alter table t alter pad set storage plain;";
    on_both(table);
    on_source("insert into t select i % 1000, repeat('x', 1500) from generate_series(1, 50000) i");
    on_target(
        "insert into t select 999 - i % 1000, repeat('x', 1500) "
        "from generate_series(1, 50000) i");
    EXPECT_EQ(verify({"t"}, 3).differences(), 0);
    on_target(
        "insert into t select a, 'once more' from t where a = 5 limit 3;"
        "delete from t where ctid = (select ctid from t where a = 17 limit 1)");
    const auto result = verify({"t"}, 3);
    EXPECT_EQ(result.ranges, 1);
    EXPECT_EQ(result.rows, 50000);
    EXPECT_EQ(result.differing_tables.at(0).target_rows, 50002);
    EXPECT_EQ(named(result).count("0:3 (5,\"once more\")"), 1U);
    EXPECT_EQ(named(result).size(), 2U);
}

TEST_F(VerifyTest, SeesBothSidesAsOfTheMomentItIsGiven) {
    on_both(
        "create table t (id int primary key, v text);"
        "insert into t select i, 'v' from generate_series(1, 100) i; create table k (a int)");
    make_plan({"t", "k"});
    test::TwoMoments moments(source_database_, target_database_, interrupt_);
    on_source("update t set v = 'later'; insert into k values (1)");
    on_target("delete from t; insert into k values (2)");
    EXPECT_EQ(moments.verify(plan_).differences(), 0);
    EXPECT_EQ(moments.verify(plan_).rows, 100);
    EXPECT_EQ(verify({"t", "k"}).differences(), 102);
}

TEST_F(VerifyTest, ComparesEveryTypeInAFormThatIsTheSameOnBothSides) {
    const std::string types = R"sql(
        create type mood as enum ('sad', 'ok'); create type inner_pair as (a float8, b text);
        create type pair as (a mood, b inner_pair[]); create domain short as varchar(9);
        create table t (id int primary key, m mood, ms mood[], p pair, d short, f4 float4,
            f8 float8, fs float8[], n numeric, mo money, x xml, ts tsvector, tq tsquery, r int4range,
            reg regclass, iv interval, tz timestamptz, b bytea, j json, jb jsonb, c char(5),
            oids oidvector, ints int2vector, un "char", na name, mac macaddr, bits varbit,
            made int generated always as (id * 2) stored);
        insert into t (id) values (1);
        insert into t values (2, 'ok', '{sad,null}', row('sad', array[row(0.1, 'x,"y')::inner_pair]),
            'short', 0.1, 1e-300, '{0.1,NaN,-Infinity,null}', 'NaN', 12.34, '<a>é</a>', 'b:2 a:1A',
            'a & !b', '[1,5)', 'pg_class', '1 mon -3 days', '2020-02-02 02:02+02', '\x00ff',
            '{"a" : 1}', '{"a":1.50}', 'ab', '1 2', '3 4', 'x', 'name', '08:00:2b:01:02:03', '101');)sql";
    on_both(types);
    EXPECT_EQ(verify({"t"}).differences(), 0);
    // Equal by their operators, but not the same.
    on_target(
        "update t set n = 1.50, c = 'abc', f8 = -0.0, j = '{\"a\": 1}', mo = 12.35,"
        "p = row('sad', array[row(0.10000000000000002, 'x,\"y')::inner_pair])::pair,"
        "ts = 'b:2 a:1', ms = '{}', d = '' where id = 2; update t set d = '' where id = 1");
    EXPECT_EQ(named(verify({"t"})),
              (Rows{"id=1 different: d", "id=2 different: ms p d f8 n mo ts j c"}));
}

TEST_F(VerifyTest, ComparesColumnsOfAnotherTypeByTheirText) {
    on_source(
        "create table t (id int primary key, v varchar(10), n int);"
        "insert into t select i, i, i from generate_series(1, 100) i");
    on_target(
        "create table t (n bigint, id bigint primary key, v text, more int);"
        "insert into t select i, i, i from generate_series(1, 100) i");
    EXPECT_EQ(verify({"t"}).differences(), 0);
    on_target("update t set n = 7 where id = 8");
    EXPECT_EQ(named(verify({"t"})), Rows{"id=8 different: n"});
}

/// Finds the rows of a table all of which differ, under limits.
class NarrowTest : public VerifyTest {
  protected:
    void SetUp() override {
        VerifyTest::SetUp();
        if (IsSkipped()) return;
        on_both(
            "create table t (id int primary key, v int);"
            "insert into t select i, i from generate_series(1, 60000) i; analyze t");
        on_target("update t set v = 0; analyze t");
    }
    TableDifferences narrow(const NarrowLimits& limits, const std::vector<snapshot::Key>& bounds) {
        make_plan({"t"});
        test::TwoMoments moments(source_database_, target_database_, interrupt_);
        const auto setup = moments.setup();
        Readers readers(setup);
        auto& source = readers.session(Side::source);
        auto& target = readers.session(Side::target);
        const auto tables = describe_tables(source, target, plan_.tables);
        auto unit = cut_into_units(readers, tables, false).at(0);
        unit.buckets = 4;
        unit.intervals = KeyIntervals(source, tables[0].range_key.front(), bounds);
        const auto rows = 2 * 60000 / static_cast<std::int64_t>(unit.all_buckets());
        std::vector<DifferingBucket> buckets;
        for (std::size_t i = 0; i < unit.all_buckets(); ++i) buckets.push_back({i, rows});
        TableDifferences differences;
        differences.table = &plan_.tables[0];
        find_differing_rows(readers, {}, unit, buckets, limits, differences);
        return differences;
    }
};

TEST_F(NarrowTest, KeepsAllWhenARepairWantsThem) {
    const NarrowLimits limits{
        .named = 10, .keep_all = true, .rows_per_round = 20000, .exact_up_to = 1, .rounds = 1};
    for (const std::vector<snapshot::Key>& bounds :
         std::vector<std::vector<snapshot::Key>>{{}, {{"20000"}, {"40000"}}}) {
        const auto all = narrow(limits, bounds);
        EXPECT_EQ(all.total, 60000);
        EXPECT_TRUE(all.total_is_exact);
        EXPECT_EQ(all.named.size(), 10U);
        EXPECT_EQ(all.all.size(), 60000U);
    }
}

TEST_F(NarrowTest, StopsCountingWhereOneIntervalIsReadAgainAndAgain) {
    const auto some =
        narrow({.named = 10, .rows_per_round = 20000, .exact_up_to = 60000, .rounds = 2}, {});
    EXPECT_FALSE(some.total_is_exact);
    EXPECT_GT(some.total, 20000) << "two of four buckets";
    EXPECT_LT(some.total, 40000);
    EXPECT_EQ(some.named.size(), 10U);
    EXPECT_TRUE(some.all.empty());
}

TEST_F(NarrowTest, StopsCountingWhenThereAreMoreThanAnybodyReads) {
    const std::vector<snapshot::Key> bounds = {{"20000"}, {"40000"}};
    const auto some = narrow({.exact_up_to = 30000}, bounds);
    EXPECT_FALSE(some.total_is_exact);
    EXPECT_EQ(some.total, 40000 - 1 + 4) << "two intervals and each bucket of the third";
    const auto all = narrow({.exact_up_to = 60000}, bounds);
    EXPECT_TRUE(all.total_is_exact);
    EXPECT_EQ(all.total, 60000);
}

TEST_F(VerifyTest, ReadsAgainWhatALostConnectionCutOff) {
    test::TwoMoments moments(source_database_, target_database_, interrupt_);
    const auto setup = moments.setup();
    Readers readers(setup);
    int tries = 0;
    const ReadItem item{"an item", 0, [&](io::Connection& connection, io::StreamProgress&) {
                            if (++tries < 3) {
                                connection.execute({"end_myself",
                                                    "select pg_catalog.pg_terminate_backend("
                                                    "pg_catalog.pg_backend_pid())"});
                            }
                            connection.execute({"look", "select 1"});
                        }};
    readers.run({}, {item});
    EXPECT_EQ(tries, 3);
    EXPECT_EQ(moments.progress_.retries, 2);
}

TEST_F(VerifyTest, SaysWhichRangeOfWhichSideCouldNotBeRead) {
    on_both("create table t (id int primary key); insert into t values (1)");
    make_plan({"t"});
    on_source("create role blind login");
    on_source("grant select on t to blind");
    test::TwoMoments moments(source_database_, target_database_, interrupt_);
    const auto blind = io::ConnInfo::parse(target_database_ + " user=blind");
    const auto whole = moments.setup();
    const VerifySetup setup{whole.source, blind,          whole.moment,   whole.job,
                            whole.jobs,   whole.progress, whole.interrupt};
    const auto error = error_of([&] { loader::verify(setup, plan_, {}); });
    EXPECT_EQ(error.sqlstate(), "42501");
    EXPECT_NE(error.report().find("public.t on the target"), std::string::npos) << error.report();
    EXPECT_FALSE(error.hint().empty());
    on_source("drop owned by blind; drop role blind");
}

TEST_F(VerifyTest, EndsWhenItsSnapshotIsLost) {
    on_both("create table t (id int primary key)");
    make_plan({"t"});
    test::TwoMoments moments(source_database_, target_database_, interrupt_);
    const auto setup = moments.setup();
    moments.target_.reset();
    EXPECT_THROW(loader::verify(setup, plan_, {}), snapshot::SnapshotLost);
    const auto error = error_of([&] { loader::verify(setup, plan_, {}); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::stopped);
    EXPECT_FALSE(error.hint().empty());
}

TEST_F(VerifyTest, RefusesToMendARowThatChangedMeanwhile) {
    on_both(
        "create table t (id int primary key, v int);"
        "insert into t select i, i from generate_series(1, 10) i");
    on_target("update t set v = 0 where id in (3, 4)");
    make_plan({"t"});
    plan_.encoding = "UTF8";
    test::TwoMoments moments(source_database_, target_database_, interrupt_);
    VerifyOptions options;
    options.for_repair = true;
    const auto result = moments.verify(plan_, options);
    on_target("update t set v = 1 where id = 4");
    const auto error = error_of([&] { loader::repair(moments.setup(), plan_, result, {}); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::stopped);
    EXPECT_NE(error.report().find("repair of public.t: 1 rows changed"), std::string::npos)
        << error.report();
    EXPECT_EQ(ask_target("select v from t where id in (3, 4) order by id"), "0\n1");
}

}  // namespace
}  // namespace pghaul::loader
