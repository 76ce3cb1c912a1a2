// Moves under writers where servers and databases are set up in unusual ways.
#include <gtest/gtest.h>

#include "tests/cmd/live_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

class LiveSettings : public HaulTest {};

/// Copies, changes, follows; both sides must agree.
void expect_moves(const Pair& pair, const std::string& changes) {
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.source_sql(changes);
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
    EXPECT_TRUE(exited(drop(pair), 0));
    EXPECT_EQ(traces(as_superuser(pair).source), "");
}

constexpr const char* kWords = R"sql(
    create table words (k text primary key, v text);
    insert into words values ('café', 'é'), ('straße', 'ß'), ('plain', 'x');
    create table "tablé" ("clé" varchar(20) primary key, n int);
    insert into "tablé" values ('groß', 1), ('b', 2);
    create table bag (w text, n int);
    insert into bag values ('été', 1), ('façade', 2), ('façade', 2);
    create table day (at date, k text, primary key (at, k)) partition by range (at);
    create table "jour_1é" partition of day for values from (minvalue) to ('2024-07-01');
    create table day_2 partition of day default;
    insert into day values ('2024-01-01', 'à'), ('2024-08-01', 'ç'), ('2024-02-02', 'è');
)sql";

constexpr const char* kChanges = R"sql(
    update words set v = v || ' et plus' where k like '%é%';
    delete from words where k = 'straße';
    insert into words values ('naïve', 'ü'), ('back\slash', '''');
    update "tablé" set "clé" = 'größer' where "clé" = 'groß';
    insert into bag values ('été', 1), ('été', 1); delete from bag where w = 'façade';
    update day set k = k || 'û' where at > '2024-01-01';
)sql";

TEST_F(LiveSettings, OtherEncodings) {
    struct Case {
        const char* source;
        const char* target;
    };
    for (const auto& [source, target] :
         {Case{"LATIN1", "UTF8"}, Case{"LATIN1", "LATIN1"}, Case{"UTF8", "LATIN1"},
          Case{"SQL_ASCII", "SQL_ASCII"}, Case{"SQL_ASCII", "UTF8"}}) {
        SCOPED_TRACE(std::string(source) + " to " + target);
        const auto with = [](const char* encoding) {
            return std::string("template template0 lc_collate 'C' lc_ctype 'C' encoding '") +
                   encoding + "'";
        };
        const auto pair = fresh_pair("", with(source), with(target));
        const std::string client = "set client_encoding = 'UTF8';";
        pair.source_sql(client + kWords);
        expect_moves(pair, client + kChanges);
    }
}

TEST_F(LiveSettings, BytesThatAreNoText) {
    const std::string ascii = "template template0 lc_collate 'C' lc_ctype 'C' encoding 'SQL_ASCII'";
    const auto pair = fresh_pair(
        "create table t (k text primary key, v text); create table bag (v text);"
        "insert into t values (E'caf\\xe9', E'\\xff\\xfe'), (E'\\xc3', 'x'), ('plain', 'y');"
        "insert into bag values (E'\\xe9'), (E'\\xe9'), (E'\\xff');",
        ascii, ascii);
    expect_moves(
        pair,
        "update t set v = E'\\xfd' where k = E'caf\\xe9'; delete from t where k = E'\\xc3';"
        "insert into t values (E'\\x80\\x81', 'n'); delete from bag where v = E'\\xff';"
        "insert into bag values (E'\\xe9');");
}

TEST_F(LiveSettings, DefaultsThatTurnStatementsAround) {
    const auto pair = live_pair(As::owner, R"sql(
        create table "back\slash 'quoted'" ("a\b" int primary key, v bytea, i interval, f float8,
            d date, t timestamptz, x xml);
        insert into "back\slash 'quoted'" select i, '\x5c27', i * interval '1 day', i / 3.0,
            date '2024-01-02' + i, now(), '<a/>' from generate_series(1, 20) i;
        create table bag (f float8, d date, i interval, b bytea);
        insert into bag select i / 3.0, date '2024-01-02' + i, i * interval '1 mon', '\x5c'
            from generate_series(1, 20) i;
        create table p (id int primary key, at timestamptz) partition by range (id);
        create table p1 partition of p default; insert into p values (1, now()), (2, now());
    )sql");
    const auto both = as_superuser(pair);
    for (const auto& side : {both.source, both.target}) {
        for (const std::string setting : {"standard_conforming_strings to off",
                                          "backslash_quote to off",
                                          "escape_string_warning to off",
                                          "datestyle to 'German, DMY'",
                                          "intervalstyle to sql_standard",
                                          "bytea_output to escape",
                                          "extra_float_digits to -15",
                                          "timezone to 'Asia/Kathmandu'",
                                          "search_path to nowhere",
                                          "quote_all_identifiers to on",
                                          "xmloption to document",
                                          "xmlbinary to hex",
                                          "default_transaction_isolation to serializable",
                                          "default_transaction_deferrable to on",
                                          "statement_timeout to '3s'",
                                          "lock_timeout to '3s'",
                                          "idle_in_transaction_session_timeout to '2s'",
                                          "synchronous_commit to off",
                                          "client_min_messages to debug1",
                                          "row_security to off",
                                          "enable_indexscan to off",
                                          "enable_nestloop to off",
                                          "transform_null_equals to on",
                                          "array_nulls to off",
                                          "check_function_bodies to off",
                                          "plan_cache_mode to force_generic_plan"}) {
            psql(side, "alter database " + quote_name(pair.name) + " set " + setting + ";");
        }
    }
    const std::string writer = "set search_path = public; set standard_conforming_strings = on;";
    expect_moves(pair, writer + R"sql(
        update "back\slash 'quoted'" set f = f / 7, v = '\x00' where "a\b" < 5;
        update "back\slash 'quoted'" set "a\b" = "a\b" + 100 where "a\b" > 15;
        delete from "back\slash 'quoted'" where "a\b" = 7;
        update bag set f = f / 7 where d < '2024-01-10'; insert into bag select * from bag limit 3;
        update p set id = 10 where id = 1; insert into p values (5, now()); truncate p;
        insert into p values (6, now());
    )sql");
}

TEST_F(LiveSettings, RowsThatComeByLogicalReplication) {
    Cluster publisher(ClusterOptions{.settings = {"wal_level=logical"}});
    const std::string tables =
        "create table t (id int primary key, v text); create table bag (a int);"
        "alter table bag replica identity full; create table own (id int primary key);";
    const auto published = publisher.conninfo("postgres");
    psql(published, tables + "create publication p for table t, bag;");
    const auto pair = fresh_pair(tables);
    pair.source_sql("create subscription " + pair.name + " connection $$" + published +
                    "$$ publication p;");
    const auto arrived = [&] {
        const std::string both =
            "select (select coalesce(sum(hashtext(t::text)), 0) from t), (select coalesce(sum(a), "
            "0) from bag), (select count(*) from bag);";
        return eventually([&] { return psql(published, both) == pair.source_sql(both); });
    };
    psql(published,
         "insert into t select i, 'v' from generate_series(1, 50) i;"
         "insert into bag values (1), (1), (2), (3);");
    ASSERT_TRUE(arrived());
    ASSERT_TRUE(exited(run_live(pair), 0));
    for (const std::string changes :
         {"update t set v = 'u' where id < 10; update t set id = id + 100 where id > 40; delete "
          "from t where id = 20; insert into t values (99, 'n'); insert into bag values (7), (7);",
          "update bag set a = 9 where a = 2; delete from bag where a = 3;",
          "truncate t, bag; insert into t values (1, 'after'); insert into bag values (5), (5);"}) {
        psql(published, changes);
        ASSERT_TRUE(arrived());
        pair.source_sql("insert into own select coalesce(max(id), 0) + 1 from own;");
        EXPECT_TRUE(exited(follow(pair), 0));
        EXPECT_TRUE(same_rows(pair)) << changes;
    }
    pair.source_sql("drop subscription " + pair.name + ";");
}

TEST_F(LiveSettings, WritersThatAreSerializable) {
    const auto pair = live_pair(As::owner, busy_tables());
    std::vector<std::string> scripts;
    for (const auto& script : busy_writers()) {
        scripts.push_back("set default_transaction_isolation to serializable; " + script);
    }
    Writers writers(pair.source, scripts);
    writers.await(1);
    ASSERT_TRUE(exited(run_live(pair), 0));
    writers.await(2);
    writers.stop();
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

}  // namespace
}  // namespace pghaul::test
