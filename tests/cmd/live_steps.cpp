#include "tests/cmd/live_steps.hpp"

#include <algorithm>
#include <random>

#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

constexpr const char* kOwner = "mover";

void add(Arguments& argv, const Arguments& more) {
    argv.insert(argv.end(), more.begin(), more.end());
}

}  // namespace

Pair live_pair(As as, const std::string& sql) {
    if (as == As::superuser) return fresh_pair(sql);
    on_both_servers(std::string("create role ") + kOwner + " login");
    auto pair = fresh_pair("", "", std::string("owner ") + kOwner);
    pair.source_sql(std::string("grant create on schema public to ") + kOwner);
    pair.source = source_server().conninfo(pair.name, kOwner);
    pair.target = target_server().conninfo(pair.name, kOwner);
    pair.source_sql(sql);
    return pair;
}

Pair as_superuser(const Pair& pair) {
    const auto source = io::ConnInfo::parse(pair.source).get("dbname");
    return {pair.name, source_server().conninfo(source), target_server().conninfo(pair.name)};
}

Arguments live_argv(const Pair& pair, const Arguments& more) {
    Arguments argv = {PGHAUL_PROGRAM, "run",       "--source",   pair.source,
                      "--target",     pair.target, "--progress", "none"};
    if (std::find(more.begin(), more.end(), "-j") == more.end()) add(argv, {"-j", "3"});
    add(argv, more);
    return argv;
}

ProcessResult run_live(const Pair& pair, const Arguments& more, const Environment& env) {
    return run_process(live_argv(pair, more), env);
}

Arguments follow_argv(const Pair& pair, const Arguments& more) {
    Arguments argv = {PGHAUL_PROGRAM, "follow",    "--source",   pair.source,
                      "--target",     pair.target, "--progress", "none"};
    add(argv, more);
    return argv;
}

ProcessResult follow(const Pair& pair, const Environment& env) {
    return run_process(follow_argv(pair, {"--until-current"}), env);
}

testing::AssertionResult same_rows(const Pair& pair) {
    EqualityOptions options;
    options.sequences = false;
    options.materialized_views = false;
    const auto both = as_superuser(pair);
    const auto differences = compare_databases(both.source, both.target, options);
    if (differences.empty()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << differences;
}

std::string traces(const std::string& conninfo) {
    return psql(
        conninfo,
        "select 'trigger ' || tgname from pg_trigger where tgname like 'pghaul/%' union all "
        "select 'function ' || proname from pg_proc where proname like 'pghaul/%' union all "
        "select 'relation ' || relname from pg_class where relname like 'pghaul/%' union all "
        "select 'type ' || typname from pg_type where typname like '%pghaul/%' union all "
        "select 'schema ' || nspname from pg_namespace where nspname = 'pghaul' order by 1;");
}

Writers::Writers(const std::string& conninfo, const std::vector<std::string>& scripts,
                 const Manner& manner) {
    Manner own = manner;
    for (const auto& script : scripts) {
        ++own.seed;
        auto& writer = writers_.emplace_back(std::make_unique<Writer>());
        writer->thread = std::jthread(
            [&written = writer->written, conninfo, script, own](const std::stop_token& stop) {
                while (!stop.stop_requested()) {
                    try {
                        write(stop, conninfo, script, own, written);
                    } catch (const io::Error&) {
                        if (!own.reconnects) throw;
                        std::this_thread::sleep_for(std::chrono::milliseconds(50));
                    }
                }
            });
    }
}

void Writers::write(const std::stop_token& stop, const std::string& conninfo,
                    const std::string& script, const Manner& manner, std::atomic<int>& written) {
    // Goes on with other numbers after a lost session.
    std::minstd_rand random(manner.seed + static_cast<unsigned>(written.load()));
    io::Interrupt interrupt;
    auto session = connect(conninfo, interrupt);
    session.execute({"settings", "set search_path = public; set lock_timeout = " +
                                     std::to_string(manner.lock_timeout.count())});
    while (!stop.stop_requested()) {
        std::string sql;
        for (const char c : script) {
            sql += c == '#' ? std::to_string(random() % 100000) : std::string(1, c);
        }
        try {
            session.execute({"write", sql});
        } catch (const io::Error& error) {
            if (error.poisons_connection()) throw;
            if (session.in_transaction()) session.execute({"undo", "rollback"});
        }
        ++written;
        std::this_thread::sleep_for(manner.pause);
    }
}

int Writers::written() const {
    int all = 0;
    for (const auto& writer : writers_) all += writer->written;
    return all;
}

void Writers::await(int times) const {
    std::vector<int> goals;
    for (const auto& writer : writers_) goals.push_back(writer->written + times);
    EXPECT_TRUE(eventually([&] {
        for (std::size_t i = 0; i < writers_.size(); ++i) {
            if (writers_[i]->written < goals[i]) return false;
        }
        return true;
    }));
}

void Writers::stop() {
    for (auto& writer : writers_) writer->thread.request_stop();
    writers_.clear();
}

std::string busy_tables() {
    return R"sql(
        create table item (id int primary key, u int unique, pad text, at timestamptz default now());
        insert into item select i, i, repeat('i', 200) from generate_series(1, 12000) i;
        create index on item (pad, id);
        create table "log.entries" (what text, n numeric, j json);
        insert into "log.entries" select 'w' || i % 7, i % 5, '{}' from generate_series(1, 500) i;
        create table customer (id int generated always as identity primary key, name text);
        insert into customer (name) select 'c' || i from generate_series(1, 200) i;
        create table bill (id bigserial primary key, customer int references customer on delete
            cascade, up bigint references bill on delete set null, total numeric(12, 2));
        insert into bill (customer, total) select 1 + i % 200, i from generate_series(1, 2000) i;
        create table day (at date, k int, v text, primary key (at, k)) partition by range (at);
        create table day_1 partition of day for values from (minvalue) to ('2024-07-01');
        create table day_2 partition of day default;
        insert into day select date '2024-01-01' + i % 360, i, 'd' from generate_series(1, 2000) i;
        create table queue (id int primary key, v int);
        insert into queue select i, i from generate_series(1, 50) i;
        create table audit (id bigserial primary key, what text);
        create function note() returns trigger language plpgsql as $$
            begin insert into public.audit (what) values (tg_op); return null; end $$;
        create trigger noted after insert or delete on customer for each row execute function note();
        analyze;
    )sql";
}

std::vector<std::string> busy_writers() {
    return {
        "update item set at = now(), pad = pad || 'x' where id = # % 12000",
        "insert into item (id, u) values (# + 12000, -# - 12000) on conflict do nothing; "
        "delete from item where id = # % 12000 + 9000",
        // Two rows at the table's ends change places in a unique column.
        "begin; update item set u = -u where id in (5, 11000); update item as x set u = -(select "
        "y.u from item as y where y.id = 11005 - x.id) where id in (5, 11000); commit",
        "update item set id = id + 500000 where id = # % 12000",
        "insert into \"log.entries\" values ('w' || # % 7, # % 5, '{}'); delete from "
        "\"log.entries\" "
        "where ctid = (select ctid from \"log.entries\" limit 1)",
        "insert into customer (name) values ('new'); insert into bill (customer, up, total) select "
        "max(id), (select min(id) from bill), # from customer; delete from customer where id = # % "
        "400",
        "update day set at = date '2024-01-01' + # % 360 where k = # % 2000; insert into day "
        "values "
        "('2024-05-05', # + 2000, 'n') on conflict do nothing",
        "begin; truncate queue; insert into queue select i, # from generate_series(1, 20) i; "
        "commit",
    };
}

}  // namespace pghaul::test
