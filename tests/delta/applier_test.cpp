// Changes of every kind of key arrive: a row is found by its key on both servers, whatever type
// the key has and however its text looks.
#include "delta/applier.hpp"

#include <gtest/gtest.h>

#include "tests/delta/live_pair.hpp"

namespace pghaul::test {
namespace {

using delta::can_slice;

/// A table whose key has this type: four values stand there at first, two come.
struct KeyCase {
    std::string name;
    std::string type;
    std::vector<std::string> values;  // six literals
};

const std::vector<KeyCase> kKeyCases = {
    {"int2", "int2", {"'-32768'", "-1", "0", "32767", "1", "2"}},
    {"int4", "int4", {"'-2147483648'", "-1", "0", "2147483647", "1", "2"}},
    {"int8", "int8", {"'-9223372036854775808'", "-1", "0", "9223372036854775807", "1", "2"}},
    {"numeric", "numeric", {"-1.5", "'NaN'", "0", "1e100", "1e-100", "3.14"}},
    {"numeric_scale", "numeric(8,2)", {"-1.5", "0", "1.10", "999999.99", "2", "3"}},
    {"float8", "float8", {"-1.5", "'NaN'", "'Infinity'", "0.1", "1e300", "'-Infinity'"}},
    {"text",
     "text",
     {"''", "'it''s \"quoted\"'", "E'two\\nlines\\ttab'", "'back\\slash'", "'\\N'", "'ü 🐘'"}},
    {"text_c", "text collate \"C\"", {"'a'", "'A'", "'ä'", "'z'", "' a'", "'a '"}},
    {"varchar", "varchar(20)", {"''", "'a'", "'a '", "'A'", "'b'", "','"}},
    {"bpchar", "char(5)", {"'a'", "'b'", "'c  '", "'ddddd'", "'e'", "'f'"}},
    {"name", "name", {"'a'", "'B'", "'c'", "'d'", "'e'", "'f'"}},
    {"one_char", "\"char\"", {"'a'", "'B'", "'c'", "'d'", "'e'", "'f'"}},
    {"bytea", "bytea", {"'\\x'", "'\\x00'", "'\\xff00'", "'\\x0a0d'", "'\\x5c'", "'\\x09'"}},
    {"uuid",
     "uuid",
     {"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
      "'11111111-1111-1111-1111-111111111111'", "'22222222-1111-1111-1111-111111111111'",
      "'33333333-1111-1111-1111-111111111111'", "'44444444-1111-1111-1111-111111111111'"}},
    {"timestamptz",
     "timestamptz",
     {"'-infinity'", "'2024-10-27 00:30+00'", "'2024-10-27 01:30+00'", "'infinity'",
      "'0044-03-15 12:00+00 BC'", "'2024-01-01 12:00:00.000001+00'"}},
    {"date",
     "date",
     {"'-infinity'", "'2024-02-29'", "'infinity'", "'0001-01-01'", "'4713-01-01 BC'",
      "'2000-01-01'"}},
    {"interval",
     "interval",
     {"'1 day'", "'1 mon'", "'-1 hour'", "'2 years'", "'00:00:01'", "'1 microsecond'"}},
    {"inet",
     "inet",
     {"'10.0.0.1'", "'10.0.0.0/8'", "'::1'", "'fe80::/10'", "'1.1.1.1'", "'2.2.2.2'"}},
    {"bool_and", "bool", {"true", "false", "", "", "", ""}},
    {"citext", "citext", {"'a'", "'B'", "'c'", "'d'", "'e'", "'f'"}},
    {"positive", "positive", {"1", "2", "3", "4", "5", "6"}},
    {"mood", "mood", {"'sad'", "'ok'", "'it''s'", "'ü'", "'new'", "'more'"}},
    {"int_array", "int[]", {"'{}'", "'{1}'", "'{1,null}'", "'{{1,2},{3,4}}'", "'{2}'", "'{3}'"}},
    {"range", "int4range", {"'empty'", "'[1,2)'", "'(,)'", "'[5,)'", "'(,5)'", "'[7,9)'"}},
    {"pair",
     "pair",
     {"row(1,'a')", "row(1,null)", "row(2,'b,c')", "row(3,'\"')", "row(4,'x')", "row(5,'y')"}},
    {"jsonb", "jsonb", {"'{}'", "'[1]'", "'{\"a\": 1.0}'", "'null'", "'\"t\"'", "'2'"}},
};

std::string types_sql() {
    return "create domain positive as int check (value > 0);"
           "create type mood as enum ('sad', 'ok', 'it''s', 'ü', 'new', 'more');"
           "create type pair as (a int, b text);";
}

std::string tables_sql() {
    std::string sql = types_sql();
    for (const auto& key : kKeyCases) {
        sql += "create table of_" + key.name + " (k " + key.type + " primary key, v int);\n";
        for (std::size_t i = 0; i < 4 && !key.values[i].empty(); ++i) {
            sql += "insert into of_" + key.name + " values (" + key.values[i] + ", " +
                   std::to_string(i) + ");\n";
        }
    }
    return sql;
}

std::string changes_sql() {
    std::string sql;
    for (const auto& key : kKeyCases) {
        const auto table = "of_" + key.name;
        const auto at = [&](std::size_t i) {
            return "k = " + key.values[i] +
                   "::" + (key.type.starts_with("text") ? "text" : key.type);
        };
        sql += "update " + table + " set v = v + 100 where " + at(0) + ";\n";
        sql += "delete from " + table + " where " + at(1) + ";\n";
        if (key.values[2].empty()) continue;
        sql += "update " + table + " set k = " + key.values[4] + " where " + at(2) + ";\n";
        sql += "insert into " + table + " values (" + key.values[5] + ", 5);\n";
    }
    return sql;
}

class KeysOf : public Live {};

TEST_P(KeysOf, EveryTypeNameTheirRows) {
    LivePair pair(GetParam(), tables_sql(), "create extension citext;");
    pair.source(changes_sql());
    for (const auto& key : kKeyCases) {
        EXPECT_NE(pair.captured_of("of_" + key.name), "0") << key.name;
    }
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
    for (const auto& key : kKeyCases) {
        if (key.values[2].empty()) continue;
        pair.source("update of_" + key.name + " set k = " + key.values[1] +
                    " where k = " + key.values[5] +
                    "::" + (key.type.starts_with("text") ? "text" : key.type) + ";");
    }
    pair.catch_up();
    EXPECT_TRUE(pair.equal()) << "keys that were gone came back";
}

TEST_P(KeysOf, EveryTypeCanBeTakenInSlicesWhereThatIsSafe) {
    LivePair pair(GetParam(), tables_sql(), "create extension citext;");
    pair.limit({1, 1});
    pair.source(changes_sql());
    EXPECT_TRUE(pair.catch_up().sliced);
    EXPECT_TRUE(pair.equal());
}

TEST_P(KeysOf, ValuesThatAreEqualButLookDifferentArriveAsTheyLook) {
    expect_carried(GetParam(), R"sql(
        create table n (k numeric primary key, v int); insert into n values (1.0, 1), (2, 2);
        create table c (k citext primary key, v int); insert into c values ('Ab', 1), ('x', 2);
        create table i (k interval primary key, v int); insert into i values ('1 day', 1);
        create table f (k float8 primary key, v int); insert into f values ('-0', 1);
        create table b (k char(4) primary key, v int); insert into b values ('a', 1);
    )sql",
                   R"sql(
        update n set k = 1.00 where k = 1; update n set v = 3 where k = 2.000;
        update c set k = 'aB' where k = 'AB'; delete from c where k = 'X';
        update i set k = '24 hours';
        update f set k = 0;
        update b set v = 2 where k = 'a  ';
    )sql",
                   "create extension citext;");
}

TEST_P(KeysOf, SeveralColumnsAreOne) {
    expect_carried(GetParam(), R"sql(
        create table two (a int, b text, v int, primary key (b, a));
        insert into two select i % 10, 'b' || i / 10, i from generate_series(0, 99) i;
        create table wide (a int, b int, c int, d int, e int, f int, g text, h date,
                           primary key (a, b, c, d, e, f, g, h));
        insert into wide select i, 1, 2, 3, 4, 5, 'g', '2024-01-01' from generate_series(1, 9) i;
    )sql",
                   R"sql(
        update two set v = -v where a = 3;
        update two set a = a + 100 where b = 'b4';
        delete from two where b = 'b7' and a > 4;
        insert into two values (1, 'new', 1), (0, '', 2);
        update wide set h = h + 1 where a < 4; delete from wide where a = 9;
        insert into wide values (10, 1, 2, 3, 4, 5, '', 'infinity');
    )sql");
}

TEST_P(KeysOf, UniqueIndexesServeWhereThereIsNoPrimaryKey) {
    LivePair pair(GetParam(), R"sql(
        create table u (a int not null, b text not null, v int, e int);
        create unique index on u (b, a) include (v);
        create unique index on u (e);
        insert into u select i, 'b', i, i from generate_series(1, 5) i;
        create table d (a int primary key deferrable, v int);
        insert into d values (1, 1), (2, 2), (3, 3);
    )sql");
    EXPECT_EQ(pair.info("u").apply_key.size(), 2U);
    EXPECT_TRUE(pair.info("d").apply_key.empty()) << "a deferrable key names no row at all times";
    pair.source(R"sql(
        update u set v = 9 where a = 1; update u set a = 50 where a = 5; delete from u where a = 2;
        update u set e = null where a = 3; insert into u values (7, 'x', 1, null);
        update d set a = 4 - a; delete from d where a = 2; insert into d values (9, 9);
    )sql");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

TEST_P(KeysOf, ValuesMaySwapBetweenRowsOfAUniqueColumn) {
    expect_carried(GetParam(), R"sql(
        create table s (id int primary key, u int unique, x int4range,
                        exclude using gist (x with &&));
        insert into s select i, i, int4range(i, i + 1) from generate_series(1, 50) i;
    )sql",
                   R"sql(
        begin;
        update s set u = -u; update s set u = 51 + u;
        update s set x = int4range(1000 + id, 1001 + id);
        update s set x = int4range(51 - id, 52 - id);
        commit;
        delete from s where id = 7; insert into s values (70, 44, '[44,45)');
    )sql");
}

TEST_P(KeysOf, KeysMayMoveInARing) {
    expect_carried(GetParam(), R"sql(
        create table r (id int primary key, v text);
        insert into r select i, 'v' || i from generate_series(1, 20) i;
    )sql",
                   R"sql(
        begin;
        update r set id = -id; update r set id = -id % 20 + 1;
        commit;
    )sql");
}

TEST_P(KeysOf, RowsWithoutAKeyAreCountedByWhatTheyHold) {
    LivePair pair(GetParam(), R"sql(
        create table bag (a int, j json, n numeric, t text);
        insert into bag values (1, '{"a":  1}', 1.0, null), (1, '{"a":  1}', 1.0, null),
            (1, '{"a": 1}', 1.00, null), (null, null, null, null), (null, null, null, null),
            (null, null, null, null), (2, '[]', 0, ''), (2, '[]', 0, E'new\nline');
        create table xmls (x xml, p point, b box);
        insert into xmls values ('<a/>', '(1,2)', '((0,0),(1,1))'), (null, null, null);
        create table nothing ();
        insert into nothing default values; insert into nothing default values;
    )sql");
    pair.source(R"sql(
        insert into bag values (1, '{"a":  1}', 1.0, null), (null, null, null, null), (3, '3', 3, null);
        delete from bag where ctid = (select min(ctid) from bag where a is null);
        delete from bag where a = 2 and t = '';
        insert into xmls select * from xmls; insert into xmls values ('<b/>', '(0,0)', null);
        insert into nothing default values;
    )sql");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
    pair.source(R"sql(
        update bag set t = 'same for all'; delete from bag where n = 3;
        delete from xmls where x is null; update xmls set p = '(5,5)';
        delete from nothing where ctid = (select min(ctid) from nothing);
    )sql");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
    pair.limit({1, 2});
    pair.source(
        "update bag set a = a + 1; insert into bag select * from bag; delete from nothing;");
    EXPECT_TRUE(pair.catch_up().sliced);
    EXPECT_TRUE(pair.equal());
}

TEST_P(KeysOf, KeysMayBeAsLongAsAnIndexTakes) {
    expect_carried(GetParam(), R"sql(
        create table l (k text primary key, v text);
        insert into l select string_agg(md5(i::text || j::text), ''), 'v' from generate_series(1, 20) i,
            generate_series(1, 80) j group by i;
    )sql",
                   R"sql(
        update l set v = repeat('large', 100000) where k > '8';
        update l set k = reverse(k) where k < '4';
        delete from l where k between '4' and '6';
    )sql");
}

TEST(Slices, AreMadeOnlyWhereEqualKeysHaveEqualTexts) {
    if (!find_server_bin(15)) GTEST_SKIP() << "PostgreSQL 15 server is not installed";
    LivePair pair(As::superuser, tables_sql(), "create extension citext;");
    for (const std::string name :
         {"int2", "int8", "text", "varchar", "uuid", "bytea", "mood", "positive", "date"}) {
        EXPECT_TRUE(can_slice(pair.info("of_" + name))) << name;
    }
    for (const std::string name : {"numeric", "float8", "bpchar", "citext", "interval", "pair",
                                   "int_array", "range", "jsonb"}) {
        EXPECT_FALSE(can_slice(pair.info("of_" + name))) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(As, KeysOf, testing::Values(As::superuser, As::owner), as_name);

}  // namespace
}  // namespace pghaul::test
