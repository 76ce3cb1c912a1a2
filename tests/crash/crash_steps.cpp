#include "tests/crash/crash_steps.hpp"

#include <sstream>

namespace pghaul::test {
namespace {

bool journal_exists(const Pair& pair) {
    return pair.target_sql("select to_regclass('pghaul.chunk') is not null;") == "t";
}

bool some_but_not_all_loaded(const Pair& pair) {
    return pair.target_sql(
               "select bool_or(loaded_at is not null) and bool_or(loaded_at is null) from "
               "(select loaded_at from pghaul.chunk union all "
               "select loaded_at from pghaul.large_object_chunk) as c;") == "t";
}

void expect_each_row_sent_once(const Pair& pair) {
    std::istringstream tables(pair.target_sql(
        "select sum(c.rows), p.plan::json->'info'->>'schema', p.plan::json->'info'->>'name' "
        "from pghaul.chunk c join pghaul.table_plan p on p.job = c.job and p.number = "
        "c.table_number group by p.plan;"));
    int seen = 0;
    for (std::string line; std::getline(tables, line); ++seen) {
        const auto first = line.find('|');
        const auto second = line.find('|', first + 1);
        const auto table = quote_name(line.substr(first + 1, second - first - 1)) + "." +
                           quote_name(line.substr(second + 1));
        EXPECT_EQ(pair.target_sql("select count(*) from only " + table + ";"),
                  line.substr(0, first))
            << table;
    }
    EXPECT_GT(seen, 5);
}

}  // namespace

Pair crash_pair() {
    return fresh_pair(R"sql(
        create table large (id int primary key, pad text);
        insert into large select i, repeat('l', 200) from generate_series(1, 20000) i;
        create index on large (pad, id);
        create table "key.less" as select i % 7 as a, repeat('k', 200) as pad
          from generate_series(1, 12000) i;
        create table parted (id int, pad text, primary key (id)) partition by range (id);
        create table parted_low partition of parted for values from (minvalue) to (6000);
        create table parted_high partition of parted default;
        insert into parted select i, repeat('p', 200) from generate_series(1, 12000) i;
        create table small (id serial primary key, up int references small, l int references large);
        insert into small (up, l) select nullif(i / 2, 0), i from generate_series(1, 50) i;
        create table small_too (a int unique, b text default 'x');
        insert into small_too select generate_series(1, 10);
        create table of_parted (id int references parted);
        insert into of_parted select generate_series(1, 100);
        create sequence lonely start 7;
        select nextval('lonely');
        select lo_from_bytea(9000 + i, convert_to(repeat('o', i * 10), 'UTF8'))
          from generate_series(1, 30) i;
        comment on large object 9001 is 'first';
        create materialized view counted as select count(*) from large;
        create function nothing() returns trigger language plpgsql as $$ begin return null; end $$;
        create trigger swallow before insert on small_too for each row execute function nothing();
        create view shown as select * from small;
        analyze;)sql");
}

Arguments crash_arguments() { return {"--chunk-size=1MB"}; }

std::map<std::string, std::string> loaded_chunks(const Pair& pair) {
    std::map<std::string, std::string> found;
    if (!journal_exists(pair)) return found;
    std::istringstream lines(pair.target_sql(
        "select table_number || '/' || number || '|' || loaded_at || ' in ' || snapshot "
        "from pghaul.chunk where loaded_at is not null union all "
        "select 'objects/' || number || '|' || loaded_at || ' in ' || snapshot "
        "from pghaul.large_object_chunk where loaded_at is not null;"));
    for (std::string line; std::getline(lines, line);) {
        const auto bar = line.find('|');
        found[line.substr(0, bar)] = line.substr(bar + 1);
    }
    return found;
}

void expect_rerun_finishes(const Pair& pair) {
    const auto before = loaded_chunks(pair);
    auto arguments = crash_arguments();
    if (!before.empty() && some_but_not_all_loaded(pair)) {
        EXPECT_TRUE(refused(run(pair, arguments), 3, {"--restart-copy", "--source-is-quiet"}));
        EXPECT_EQ(loaded_chunks(pair), before);
        arguments.emplace_back("--source-is-quiet");
    }
    ASSERT_TRUE(exited(run(pair, arguments), 0));
    EXPECT_EQ(phase(pair), "done");
    const auto after = loaded_chunks(pair);
    for (const auto& [chunk, when] : before) EXPECT_EQ(after.at(chunk), when) << "copied again";
    expect_each_row_sent_once(pair);
    EXPECT_TRUE(equal(pair, true));
}

}  // namespace pghaul::test
