// A verification between servers of any two versions: what is the same is told to be, floats above
// all, whose text form changed with version 12; what is not is named.
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "snapshot/planner.hpp"
#include "snapshot/selection.hpp"
#include "tests/loader/verifications.hpp"
#include "tests/support/cluster.hpp"

namespace pghaul::test {
namespace {

Cluster& server(int major) {
    static std::map<int, std::unique_ptr<Cluster>> clusters;
    auto& cluster = clusters[major];
    if (!cluster) {
        cluster = std::make_unique<Cluster>(ClusterOptions{.major = major, .locale = "C"});
    }
    return *cluster;
}

constexpr const char* kTables = R"sql(
    create type pair_of as (a int, b float8);
    create type mood as enum ('sad', 'ok');
    create table t (id bigint primary key, f4 float4, f8 float8, fs float8[], p pair_of, m mood,
                    n numeric, ts timestamptz, i interval, j jsonb, b bytea, r numrange, x xml,
                    v tsvector, rg regclass, ms mood[], u uuid);
    insert into t
        select i, (i / 3.0)::float4, case i % 5 when 0 then 'NaN' when 1 then -1e-300 / i else i / 7.0 end,
               array[(i / 3.0)::float8, null, 'Infinity'], row(i, i / 11.0)::pair_of, 'ok', i / 3.0,
               '2020-01-01'::timestamptz + i * interval '1.000001 s', i * interval '1 day 1 s',
               json_build_object('k', i / 3.0), decode(md5(i::text), 'hex'), numrange(i, i + 0.5),
               '<a/>', 'b:1 a:2', 'pg_class', '{sad}', md5(i::text)::uuid
          from generate_series(1, 3000) i;
    create table keyless as select i % 10 as a, (i % 10) / 3.0::float8 as b
      from generate_series(1, 1000) i;
    create sequence s; select setval('s', 7);
    select lo_from_bytea(7001, decode(repeat('00ff', 700000), 'hex'));
    analyze;)sql";

class VerifyVersions : public testing::TestWithParam<std::pair<int, int>> {
  protected:
    void SetUp() override {
        for (const int major : {GetParam().first, GetParam().second}) {
            if (!find_server_bin(major)) {
                GTEST_SKIP() << "PostgreSQL " << major << " server is not installed (scripts/setup "
                             << "--with-versions)";
            }
        }
        const auto name =
            "db" + std::to_string(GetParam().first) + "_" + std::to_string(GetParam().second);
        for (const bool target : {false, true}) {
            auto& cluster = server(target ? GetParam().second : GetParam().first);
            const auto database = name + (target ? "_target" : "_source");
            create_database(cluster, database);
            (target ? target_ : source_) = cluster.conninfo(database);
            psql(target ? target_ : source_, kTables);
        }
    }
    snapshot::Plan plan() {
        auto source = connect(source_, interrupt_);
        auto catalog = snapshot::read_catalog(source, snapshot::select_relations(source, {}));
        snapshot::PlanOptions options;
        options.chunk_bytes = 100'000;  // so that servers before 14 are read by ranges of the key
        auto plan = snapshot::make_plan(source, std::move(catalog), options);
        plan.large_objects = {{0, 1, 4294967295, 1}};
        return plan;
    }

    io::Interrupt interrupt_;
    std::string source_;
    std::string target_;
};

TEST_P(VerifyVersions, CompareAndMend) {
    const auto plan_now = plan();
    {
        TwoMoments moments(source_, target_, interrupt_);
        const auto result = moments.verify(plan_now);
        EXPECT_EQ(result.differences(), 0) << *named(result).begin();
        EXPECT_EQ(result.rows, 4000);
        const auto [from, to] = GetParam();
        EXPECT_EQ(result.ranges > 2, from < 14 || to < 14);
        EXPECT_EQ(result.large_objects, 1);
    }
    psql(
        target_,
        "update t set f4 = 0.33333334, f8 = f8 * (1 + 1e-15) where id = 3;"
        "update t set p = row(4, 0.5)::pair_of, fs = '{}' where id = 4; delete from t where id = 5;"
        "insert into keyless select * from keyless where a = 1 limit 2; select nextval('s');"
        "select lo_put(7001, 1200000, '\\x01');");
    TwoMoments moments(source_, target_, interrupt_);
    loader::VerifyOptions options;
    options.for_repair = true;
    const auto result = moments.verify(plan_now, options);
    EXPECT_EQ(result.differing_sequences.size(), 1U);
    EXPECT_EQ(result.differing_objects.size(), 1U);
    const auto rows = named(result);
    EXPECT_EQ(rows.count("id=3 different: f4 f8"), 1U) << *rows.begin();
    EXPECT_EQ(rows.count("id=4 different: fs p"), 1U);
    EXPECT_EQ(rows.count("id=5 missing"), 1U);
    EXPECT_EQ(rows.size(), 4U);
    loader::repair(moments.setup(), plan_now, result, {});
    TwoMoments after(source_, target_, interrupt_);
    EXPECT_EQ(after.verify(plan_now).differences(), 0);
}

INSTANTIATE_TEST_SUITE_P(SomePairs, VerifyVersions,
                         testing::Values(std::pair(10, 18), std::pair(18, 10), std::pair(13, 15),
                                         std::pair(10, 10), std::pair(15, 18)),
                         [](const auto& pair) {
                             return "From" + std::to_string(pair.param.first) + "To" +
                                    std::to_string(pair.param.second);
                         });

}  // namespace
}  // namespace pghaul::test
