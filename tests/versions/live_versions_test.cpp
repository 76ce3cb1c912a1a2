// A move under writers between servers of different versions, as a role that owns only its tables
// on the source and only its database on the target.
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "tests/cmd/live_steps.hpp"

namespace pghaul::test {
namespace {

Cluster& server(int major) {
    static std::map<int, std::unique_ptr<Cluster>> clusters;
    auto& cluster = clusters[major];
    if (!cluster) {
        cluster = std::make_unique<Cluster>(ClusterOptions{.major = major, .locale = "C"});
        psql(cluster->conninfo("postgres"), "create role mover login");
    }
    return *cluster;
}

std::string tables_for(int major) {
    std::string sql = R"sql(
        create type mood as enum ('sad', 'ok', 'new');
        create type pair_of as (a int, b text);
        create table item (id bigint primary key, u int unique, pad text, f float8, at timestamptz,
                           n numeric, m mood, p pair_of);
        insert into item select i - 5000, i, repeat('i', 200), i / 3.0, '2020-01-01'::timestamptz
            + i * interval '1 s', i / 7.0, 'ok', row(i, 'x')::pair_of from generate_series(1, 8000) i;
        create table by_mood (m mood primary key, v int); insert into by_mood values ('sad', 1), ('ok', 2);
        create table by_float (f float8 primary key, v int);
        insert into by_float select i / 3.0, i from generate_series(1, 100) i;
        create table "Key.less" (a int, f float8, j json, t timestamptz);
        insert into "Key.less" select i % 7, (i % 7) / 3.0, '{"a":  1}', '2020-01-01' from
            generate_series(1, 300) i;
        create table identified (id int generated always as identity primary key, up int references
            identified on delete cascade);
        insert into identified (up) select nullif(i / 2, 0) from generate_series(1, 100) i;
        create table parted (id int, day date) partition by range (day);
        create table parted_19 partition of parted for values from (minvalue) to ('2020-01-01');
        create table parted_20 partition of parted for values from ('2020-01-01') to (maxvalue);
        alter table parted_19 add primary key (id, day);
        insert into parted select i, date '2019-12-01' + i % 60 from generate_series(1, 500) i;
        create table parent (id int primary key); create table child (x text) inherits (parent);
        insert into parent values (1), (2); insert into child values (2, 'x'), (3, 'y');
    )sql";
    if (major >= 12) {
        sql +=
            "create table made (a int primary key, b int generated always as (a * 2) stored);"
            "insert into made values (1), (2);";
    }
    return sql + "analyze;";
}

std::vector<std::string> writers_for(int major) {
    std::vector<std::string> list = {
        "update item set f = # / 3.0, n = # / 7.0, at = now(), p = row(#, 'y')::pair_of where id = "
        "# % 3000; delete from item where id = # % 100 - 5000",
        "begin; update item set u = -u where id in (-4000, 2000); update item as x set u = "
        "-(select "
        "y.u from item as y where y.id = -2000 - x.id) where id in (-4000, 2000); commit",
        "update item set id = id + 100000 where id = # % 3000; insert into item (id) values (# + "
        "500000) on conflict do nothing",
        "update by_mood set v = #; insert into by_mood values ('new', 1) on conflict do nothing; "
        "delete from by_mood where m = 'new' and v % 2 = 0",
        "update by_float set f = # / 3.0 where f = (select min(f) from by_float)",
        "insert into \"Key.less\" values (# % 7, (# % 7) / 3.0, '{\"a\":  1}', '2020-01-01'); "
        "delete "
        "from \"Key.less\" where ctid = (select min(ctid) from \"Key.less\")",
        "insert into identified (up) values (null); delete from identified where id = # % 200",
        "insert into parted values (#, date '2019-12-01' + # % 60); update only parted_20 set id = "
        "-id "
        "where id % 7 = 0; delete from parted where id = # % 500",
        "update parent set id = id + 10 where id = 3 + # % 5; insert into child values (# + 100, "
        "'n'); "
        "begin; truncate child; insert into child values (3, 'y'), (#, 'z'); commit",
    };
    if (major >= 12) list.emplace_back("update made set a = -a where a = 1 or a = -1");
    return list;
}

class LiveVersions : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(LiveVersions, CarryChangesOn) {
    const auto [from, to] = GetParam();
    for (const int major : {from, to}) {
        if (!find_server_bin(major)) {
            GTEST_SKIP() << "PostgreSQL " << major << " server is not installed (scripts/setup "
                         << "--with-versions)";
        }
    }
    const std::string name = "live" + std::to_string(from) + "_" + std::to_string(to);
    create_database(server(from), name);
    create_database(server(to), name, "owner mover");
    psql(server(from).conninfo(name), "grant create on schema public to mover;");
    const Pair pair{name, server(from).conninfo(name, "mover"), server(to).conninfo(name, "mover")};
    pair.source_sql(tables_for(from));

    const Arguments arguments = {"--chunk-size=1MB"};

    Writers writers(pair.source, writers_for(from));
    writers.await(2);
    const auto killed =
        run_live(pair, arguments, {{"PGHAUL_FAILPOINTS", "copy_before_commit=kill@2"}});
    ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
    ASSERT_TRUE(exited(run_live(pair, arguments), 0));
    writers.await(2);
    EXPECT_TRUE(exited(follow(pair), 0));
    writers.stop();
    EXPECT_TRUE(exited(follow(pair), 0));

    EqualityOptions options;
    options.sequences = false;
    EXPECT_EQ(compare_databases(server(from).conninfo(name), server(to).conninfo(name), options),
              "");
    EXPECT_TRUE(exited(drop(pair), 0));
    EXPECT_EQ(traces(server(from).conninfo(name)), "");
    EXPECT_EQ(traces(server(to).conninfo(name)), "");
}

INSTANTIATE_TEST_SUITE_P(Pairs, LiveVersions,
                         testing::Values(std::pair(10, 15), std::pair(10, 18), std::pair(13, 15),
                                         std::pair(15, 17)),
                         [](const auto& pair) {
                             return "From" + std::to_string(pair.param.first) + "To" +
                                    std::to_string(pair.param.second);
                         });

}  // namespace
}  // namespace pghaul::test
