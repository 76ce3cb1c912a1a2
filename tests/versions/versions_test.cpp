// Every pair of server versions on this machine: the rows arrive whatever the two versions are, and
// where the installed pg_dump is too old for the source, the run says so.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <memory>

#include "tests/cmd/export_steps.hpp"
#include "tests/cmd/verify_steps.hpp"

namespace pghaul::test {
namespace {

constexpr int kOldest = 10;
constexpr int kNewest = 19;

/// The major version of the newest pg_dump here.
int pg_dump_major() {
    const auto said = run_process({client_program("pg_dump"), "--version"}).out;
    return std::atoi(said.substr(said.find(") ") + 2).c_str());
}

Cluster& server(int major) {
    static std::map<int, std::unique_ptr<Cluster>> clusters;
    auto& cluster = clusters[major];
    if (!cluster) {
        // The builds for tests know no C.UTF-8 of their own; C is everywhere.
        cluster = std::make_unique<Cluster>(ClusterOptions{.major = major, .locale = "C"});
    }
    return *cluster;
}

/// What all versions from 10 on have.
std::string schema_for(int major) {
    std::string sql = R"sql(
        create type mood as enum ('sad', 'ok');
        create domain positive as int check (value > 0);
        create type pair_of as (a int, b text);
        create table large (id bigint primary key, t text, n numeric(12, 3), d timestamptz, u uuid,
                            j jsonb, b bytea, f float8, m mood, p positive, arr int[], c pair_of,
                            r int4range, i interval, ip inet);
        insert into large
            select i - 10000, 'text ' || i, i / 7.0, '2020-01-01'::timestamptz + i * interval '1 min',
                   md5(i::text)::uuid, json_build_object('k', i), decode(md5(i::text), 'hex'),
                   i / 3.0, 'ok', i, array[i, null], row(i, 'x')::pair_of, int4range(i, i + 5),
                   i * interval '1 hour', '10.0.0.1'
              from generate_series(1, 20000) i;
        create index on large (t, d);
        create unique index on large (lower(t), n) where n > 5;
        create table "Key.less" as select i % 7 as a, repeat('k', 200) as pad
          from generate_series(1, 12000) i;
        create table identified (id int generated always as identity primary key, l bigint
                                 references large deferrable initially deferred, up int
                                 references identified);
        insert into identified (l, up) select i, nullif(i / 2, 0) from generate_series(1, 100) i;
        create table parted (id int, day date) partition by range (day);
        create table parted_19 partition of parted for values from (minvalue) to ('2020-01-01');
        create table parted_20 partition of parted for values from ('2020-01-01') to (maxvalue);
        insert into parted select i, date '2019-12-01' + i % 60 from generate_series(1, 1000) i;
        create table parent (id int); create table child (x text) inherits (parent);
        insert into parent values (1); insert into child values (2, 'x');
        create sequence s as smallint cycle; select setval('s', 5, false);
        select lo_from_bytea(7001, '\xdeadbeef'); comment on large object 7001 is 'lo';
        create materialized view mv as select count(*) from large;
        create function touch() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger swallow before insert on parent for each row execute procedure touch();
        create policy own on identified using (l > 0);
        alter table identified enable row level security;
        create publication pub for table large;
        create statistics st (dependencies) on t, d from large;
        comment on constraint identified_l_fkey on identified is 'kept';)sql";
    if (major >= 11) {
        sql += R"sql(
            create table keyed (id int primary key, v text) partition by hash (id);
            create table keyed_0 partition of keyed for values with (modulus 2, remainder 0);
            create table keyed_1 partition of keyed for values with (modulus 2, remainder 1);
            insert into keyed select i, 'v' from generate_series(1, 100) i;)sql";
    }
    if (major >= 12) {
        sql +=
            "create table made (a int primary key, b int generated always as (a * 2) stored);"
            "insert into made values (1), (2);";
    }
    if (major >= 15) {
        sql +=
            "create table nulls (a int, constraint one_null unique nulls not distinct (a));"
            "insert into nulls values (null), (1);";
    }
    return sql + "analyze;";
}

class Versions : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(Versions, CarryADatabase) {
    const auto [from, to] = GetParam();
    for (const int major : {from, to}) {
        if (!find_server_bin(major)) {
            GTEST_SKIP() << "PostgreSQL " << major << " server is not installed (scripts/setup "
                         << "--with-versions)";
        }
    }
    const std::string name = "from" + std::to_string(from) + "_to" + std::to_string(to);
    auto& source = server(from);
    // Within one version still another server.
    static std::map<int, std::unique_ptr<Cluster>> twins;
    auto& twin = twins[to];
    if (from == to && !twin)
        twin = std::make_unique<Cluster>(ClusterOptions{.major = to, .locale = "C"});
    auto& target = from == to ? *twin : server(to);
    create_database(source, name);
    create_database(target, name);
    const Pair pair{name, source.conninfo(name), target.conninfo(name)};
    pair.source_sql(schema_for(from));

    const auto result = run(pair, {"--chunk-size=1MB"});
    if (from > pg_dump_major()) {
        EXPECT_TRUE(refused(result, 3, {"pg_dump", std::to_string(from), "postgresql-client-"}));
        EXPECT_EQ(pair.target_sql("select count(*) from pg_namespace where nspname = 'pghaul';"),
                  "0");
        return;
    }
    ASSERT_TRUE(exited(result, 0));
    EXPECT_EQ(phase(pair), "done");
    EXPECT_TRUE(equal(pair, from == to));
    EXPECT_TRUE(exited(verify(pair), 0));
    for (const std::string sql :
         {"select conname, contype, convalidated, condeferrable, pg_get_constraintdef(oid) from "
          "pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n' order by "
          "1, 5;",
          "select indexrelid::regclass, pg_get_indexdef(indexrelid) from pg_index where "
          "indrelid::regclass::text !~ '^(pg_|pghaul)' order by 1::text, 2;",
          "select tgname, tgenabled from pg_trigger where not tgisinternal order by 1;",
          "select polname from pg_policy;", "select stxname from pg_statistic_ext;",
          "select obj_description(oid) from pg_constraint where conname = 'identified_l_fkey';"}) {
        EXPECT_EQ(pair.target_sql(sql), pair.source_sql(sql)) << sql;
    }
    EXPECT_TRUE(holds(run(pair).out, "was done already"));
}

class KilledBetweenVersions : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(KilledBetweenVersions, FinishesWithTheRerun) {
    const auto [from, to] = GetParam();
    if (!find_server_bin(from) || !find_server_bin(to)) {
        GTEST_SKIP() << "PostgreSQL " << from << " or " << to << " server is not installed";
    }
    if (from > pg_dump_major()) GTEST_SKIP() << "the installed pg_dump is older than " << from;
    const std::string name = "killed" + std::to_string(from) + "_to" + std::to_string(to);
    create_database(server(from), name);
    create_database(server(to), name);
    const Pair pair{name, server(from).conninfo(name), server(to).conninfo(name)};
    pair.source_sql(schema_for(from));
    const Arguments arguments = {"--chunk-size=1MB", "--source-is-quiet"};
    const auto killed = run(pair, arguments, {{"PGHAUL_FAILPOINTS", "copy_before_commit=kill@3"}});
    ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
    ASSERT_TRUE(exited(run(pair, arguments), 0));
    EXPECT_TRUE(equal(pair));
}

class ThroughFilesBetweenVersions : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(ThroughFilesBetweenVersions, CarryADatabase) {
    const auto [from, to] = GetParam();
    if (!find_server_bin(from) || !find_server_bin(to)) {
        GTEST_SKIP() << "PostgreSQL " << from << " or " << to << " server is not installed";
    }
    if (from > pg_dump_major()) GTEST_SKIP() << "the installed pg_dump is older than " << from;
    const std::string name = "files" + std::to_string(from) + "_to" + std::to_string(to);
    create_database(server(from), name);
    create_database(server(to), name);
    const Pair pair{name, server(from).conninfo(name), server(to).conninfo(name)};
    pair.source_sql(schema_for(from));
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair), 0));
    pair.source_sql(
        "update large set t = 'changed' where id % 10 = 0; delete from large where "
        "id between 9001 and 9010;");
    ASSERT_TRUE(exited(import_from(dir, pair, {"--no-privileges", "--no-owner"}), 0));
    EXPECT_EQ(phase(pair), "done");
    EXPECT_EQ(pair.target_sql("select count(*) from large where t = 'changed';"), "0");
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(equal(pair));
    EXPECT_TRUE(exited(verify(pair), 0));
}

/// Pairs that must work; scripts/test --all wants each pair of what is installed too.
std::vector<std::pair<int, int>> pairs() {
    std::vector<std::pair<int, int>> list = {{10, 15}, {15, 18}, {10, 18}, {18, 15}, {15, 15}};
    if (std::getenv("PGHAUL_TEST_EVERY_PAIR") == nullptr) return list;
    for (int from = kOldest; from <= kNewest; ++from) {
        for (int to = kOldest; to <= kNewest; ++to) {
            const std::pair pair(from, to);
            const bool known = std::find(list.begin(), list.end(), pair) != list.end();
            // A schema goes down only as far as it uses nothing new: not a promise, not a test.
            if (known || to < from || !find_server_bin(from) || !find_server_bin(to)) continue;
            list.push_back(pair);
        }
    }
    return list;
}

std::string test_name(const testing::TestParamInfo<std::pair<int, int>>& info) {
    return "From" + std::to_string(info.param.first) + "To" + std::to_string(info.param.second);
}

INSTANTIATE_TEST_SUITE_P(EveryPair, Versions, testing::ValuesIn(pairs()), test_name);
INSTANTIATE_TEST_SUITE_P(SomePairs, ThroughFilesBetweenVersions,
                         testing::Values(std::pair(10, 15), std::pair(15, 18)), test_name);
INSTANTIATE_TEST_SUITE_P(SomePairs, KilledBetweenVersions,
                         testing::Values(std::pair(10, 15), std::pair(15, 18)), test_name);

}  // namespace
}  // namespace pghaul::test
