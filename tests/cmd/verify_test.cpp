// pghaul verify on real databases: what differs is named, whatever it is; what is equal is not.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cmd/verify_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

using nlohmann::json;

class Verify : public HaulTest {
  protected:
    /// Copies `schema` to a fresh target, the large tables in several chunks.
    static Pair copied(const std::string& schema, const Arguments& options = {}) {
        const auto pair = fresh_pair(schema + ";analyze;");
        Arguments arguments = {"--chunk-size=1MB"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        EXPECT_TRUE(exited(run(pair, arguments), 0));
        return pair;
    }
};

constexpr const char* kKeyed = R"sql(
    create table keyed (id int primary key, v text, n numeric, pad text default repeat('x', 300));
    insert into keyed (id, v, n) select i, 'v' || i, i / 3.0 from generate_series(1, 20000) i)sql";

TEST_F(Verify, SaysWhatItComparedWhereNothingDiffers) {
    const auto pair = copied(std::string(kKeyed) +
                             "; create table empty (a int); create table bare ();"
                             "insert into bare default values;"
                             "create sequence s; select nextval('s');"
                             "select lo_from_bytea(4711, 'abc')");
    ASSERT_GE(std::stoi(pair.target_sql("select count(*) from pghaul.chunk;")), 5);
    const auto result = verify(pair);
    EXPECT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.out, "compared 3 tables, 20,001 rows, "));
    EXPECT_TRUE(holds(result.out, " 1 sequence, 1 large object in "));
    EXPECT_TRUE(holds(result.out, ": 0 differences\n"));
    EXPECT_TRUE(result.err.empty()) << result.err;
}

TEST_F(Verify, NamesEachRowOfALargeTableThatDiffers) {
    const auto pair = copied(kKeyed);
    pair.target_sql(
        "update keyed set v = 'other' where id = 12345;"
        "update keyed set v = null, n = n + 1 where id = 3;"
        "delete from keyed where id = 20000; insert into keyed (id, v) values (-7, 'new');");
    const auto result = verify(pair);
    EXPECT_TRUE(exited(result, 4));
    EXPECT_EQ(found(result), (Lines{"public.keyed: id=-7 is on the target only",
                                    "public.keyed: id=12345 differs in v",
                                    "public.keyed: id=20000 is missing on the target",
                                    "public.keyed: id=3 differs in v, n"}));
    EXPECT_TRUE(holds(result.out, ": 4 differences\n"));
}

TEST_F(Verify, TellsHowOftenARowOfAKeylessTableIsThere) {
    const auto pair = copied(
        "create table log (a int, b text);"
        "insert into log select i % 100, 'x' from generate_series(1, 1000) i;"
        "insert into log values (null, ''), (1, null)");
    pair.target_sql(
        "insert into log values (7, 'x'); update log set b = null where a is null;"
        "delete from log where ctid = (select ctid from log where a = 9 limit 1);");
    const auto result = verify(pair);
    EXPECT_TRUE(exited(result, 4));
    EXPECT_EQ(found(result),
              (Lines{"public.log: 10 times on the source, 11 times on the target: (7,x)",
                     "public.log: 10 times on the source, 9 times on the target: (9,x)",
                     "public.log: 0 times on the source, once on the target: (,)",
                     "public.log: once on the source, 0 times on the target: (,\"\")"}));
}

TEST_F(Verify, NamesSequencesAndLargeObjects) {
    const auto pair = copied(
        "create sequence ahead; create sequence \"Never.called\"; create sequence gone;"
        "select setval('ahead', 7); create table t ();"
        "select lo_from_bytea(oid, decode(repeat(md5(oid::text), 100000), 'hex'))"
        "  from generate_series(101, 104) oid");
    EXPECT_TRUE(exited(verify(pair), 0));
    pair.target_sql(
        "select setval('ahead', 5); select nextval('\"Never.called\"'); drop sequence gone;"
        "select lo_put(101, 1500000, '\\x00ff'); select lo_unlink(102);"
        "select lo_from_bytea(99, 'x'); select lo_put(104, 1600000, '\\x00');");
    const auto result = verify(pair);
    EXPECT_TRUE(exited(result, 4));
    EXPECT_EQ(
        found(result),
        (Lines{"sequence public.\"Never.called\": 1, not called yet on the source, 1 on the target",
               "sequence public.ahead: 7 on the source, 5 on the target",
               "sequence public.gone: 1, not called yet on the source, missing on the target",
               "large object 99: on the target only",
               "large object 101: contents differ; 1,600,000 bytes on the source, "
               "1,600,000 bytes on the target",
               "large object 102: missing on the target",
               "large object 104: contents differ; 1,600,000 bytes on the source, "
               "1,600,001 bytes on the target"}));
    EXPECT_TRUE(holds(result.out, ": 7 differences\n"));
}

TEST_F(Verify, NamesTablesAndColumnsThatAreMissing) {
    const auto pair = copied(
        "create table lost (a int); create table less (a int, b int);"
        "create table same (a int); insert into same values (1);"
        "insert into less values (1, 2)");
    pair.target_sql("drop table lost; alter table less drop column b; delete from same");
    const auto result = verify(pair, {"--repair"});
    EXPECT_TRUE(exited(result, 4));
    EXPECT_EQ(found(result), (Lines{"public.lost: the table is missing on the target",
                                    "public.less: column b is missing on the target",
                                    "public.same: once on the source, 0 times on the target: (1)",
                                    "mended 1 table (0 rows deleted, 1 inserted), 0 sequences, 0 "
                                    "large objects"}));
    EXPECT_TRUE(holds(result.out, ": 3 differences\n"));
    EXPECT_TRUE(holds(result.out, ": 2 differences\n"));
}

TEST_F(Verify, KeepsCountWhereItNoLongerNames) {
    const auto pair = copied(kKeyed);
    pair.target_sql("update keyed set v = v || '!' where id % 4 = 0;");
    const auto result = verify(pair);
    EXPECT_TRUE(exited(result, 4));
    EXPECT_EQ(found(result).size(), 101U);
    EXPECT_TRUE(holds(result.out,
                      "public.keyed: 5,000 rows differ, of which 100 are named; 20,000 rows on the "
                      "source, 20,000 on the target\n"));
    EXPECT_TRUE(holds(result.out, ": 5,000 differences\n"));
}

/// All that can go wrong with a row, in tables of every kind.
void damage(const Pair& pair) {
    pair.target_sql(
        "update keyed set v = 'other' where id % 1000 = 5; delete from keyed where id = 20000;"
        "insert into keyed (id, v) values (-7, 'new'), (30000, null);"
        "update \"T.\" set \"ke\"\"y\" = 'z' || \"ke\"\"y\" where \"ke\"\"y\" like 'b%';"
        "insert into log select * from log where a < 3; delete from log where a = 9;"
        "select setval('s', 100); select lo_put(4711, 2, 'x'); select lo_unlink(4712);"
        "select lo_from_bytea(4713, 'x');");
}

TEST_F(Verify, MendsExactlyWhatDiffers) {
    const auto pair =
        copied(std::string(kKeyed) +
               "; create table \"T.\" (\"ke\"\"y\" text, b int, primary key (b, "
               "\"ke\"\"y\"), c int generated always as identity);"
               "insert into \"T.\" select chr(97 + i % 3) || i, i from "
               "generate_series(1, 300) i;"
               "create table log (a int, b text);"
               "insert into log select i % 100, 'x' from generate_series(1, 1000) i;"
               "create table touched (k int unique references keyed on delete cascade);"
               "insert into touched select i from generate_series(1, 20000) i;"
               "create function fail() returns trigger language plpgsql as "
               "$$ begin raise 'fired'; end $$;"
               "create sequence s;"
               "select lo_from_bytea(oid, 'abc') from generate_series(4711, 4712) oid");
    damage(pair);
    pair.target_sql(
        "create trigger fail before insert or delete on keyed "
        "for each row execute procedure fail();");
    const auto xmin =
        "select sum(xmin::text::int8) from keyed where id % 1000 <> 5 and id between "
        "1 and 19999;";
    const auto untouched = pair.target_sql(xmin);
    EXPECT_TRUE(exited(verify(pair), 4));
    const auto result = verify(pair, {"--repair"});
    EXPECT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.out, "mended 4 tables ("));
    EXPECT_TRUE(holds(result.out, "1 sequence, 3 large objects\n"));
    EXPECT_TRUE(equal(pair)) << "rows that refer to mended ones are still there";
    EXPECT_EQ(pair.target_sql(xmin), untouched) << "rows that did not differ were written";
    EXPECT_TRUE(exited(verify(pair), 0));
    const auto again = verify(pair, {"--repair", "--json"});
    EXPECT_TRUE(exited(again, 0));
    EXPECT_FALSE(json::parse(again.out).contains("repaired"));
}

TEST_F(Verify, MendsRowsWhoseOtherKeysChangedPlaces) {
    const auto pair = copied(
        "create table t (id int primary key, u int unique);"
        "insert into t select i, i from generate_series(1, 1000) i");
    pair.target_sql("delete from t where id in (1, 2); insert into t values (1, 2), (2, 1);");
    const auto result = verify(pair, {"--repair"});
    EXPECT_TRUE(exited(result, 0));
    EXPECT_TRUE(holds(result.out, "mended 1 table (2 rows deleted, 2 inserted)"));
    EXPECT_TRUE(equal(pair));
}

TEST_F(Verify, RefusesToMendWhereATriggerWouldFire) {
    const auto pair = copied(
        "create table t (id int primary key);"
        "insert into t values (1), (2)");
    pair.target_sql(
        "delete from t where id = 1;"
        "create function keep() returns trigger language plpgsql as "
        "$$ begin return null; end $$;"
        "create trigger \"The One\" before insert on t "
        "for each row execute procedure keep();"
        "alter table t enable always trigger \"The One\";");
    EXPECT_TRUE(refused(verify(pair, {"--repair"}), 3, {"public.t", "trigger The One", "disable"}));
    EXPECT_EQ(pair.target_sql("select count(*) from t;"), "1");
}

TEST_F(Verify, MendsAsARoleWithoutPrivilegesWhatNothingHangsOn) {
    on_both_servers("create role plain login;");
    const auto pair = fresh_pair("", "owner plain", "owner plain");
    const Pair plain{pair.name, pair.source + " user=plain", pair.target + " user=plain"};
    plain.source_sql(
        "create schema s; create table s.free (id int primary key, v text);"
        "create table s.mother (id int primary key);"
        "create table s.child (id int references s.mother on delete cascade);"
        "insert into s.free values (1, 'a'), (2, 'b');"
        "insert into s.mother values (1); insert into s.child values (1);");
    ASSERT_TRUE(exited(run(plain), 0));
    EXPECT_TRUE(exited(verify(plain), 0));
    plain.target_sql("update s.free set v = 'x' where id = 1; delete from s.free where id = 2;");
    EXPECT_TRUE(exited(verify(plain, {"--repair"}), 0));
    plain.target_sql("insert into s.mother values (2);");
    EXPECT_TRUE(refused(
        verify(plain, {"--repair"}), 3,
        {"s.mother", "the trigger of constraint child_id_fkey", "session_replication_role"}));
    EXPECT_TRUE(exited(verify(pair, {"--repair"}), 0)) << "a superuser may";
    EXPECT_TRUE(equal(pair));
}

TEST_F(Verify, ComparesWhatWasChosen) {
    const auto pair = copied(
        "create table a (i int); create table b (i int); create schema s;"
        "create table s.c (i serial); select lo_from_bytea(5, 'x')");
    pair.target_sql(
        "insert into a values (1); insert into b values (1); insert into s.c default "
        "values; select lo_unlink(5)");
    EXPECT_EQ(found(verify(pair, {"-t", "a"})),
              Lines{"public.a: 0 times on the source, once on the target: (1)"});
    EXPECT_EQ(found(verify(pair, {"-n", "s"})),
              (Lines{"s.c: 0 times on the source, once on the target: (1)",
                     "sequence s.c_i_seq: 1, not called yet on the source, 1 on the target"}));
    EXPECT_TRUE(exited(verify(pair, {"-t", "nothing"}), 2));
}

TEST_F(Verify, LooksAtTheSameSampleForTheSameSeed) {
    const auto pair = copied(
        "create table t (id int primary key, pad text);"
        "alter table t alter pad set storage plain;"
        "insert into t select i, repeat('x', 1000) "
        "from generate_series(1, 60000) i");
    pair.target_sql("update t set pad = '' where id % 100 = 0;");
    const auto first = verify(pair, {"--sample", "30"});
    const auto said = first.out.substr(first.out.find("--seed ") + 7);
    const auto seed = said.substr(0, said.find(')'));
    EXPECT_TRUE(holds(first.out, "compared "));
    EXPECT_TRUE(holds(first.out, " ranges (--sample 30 --seed "));
    const auto again = verify(pair, {"--sample", "30", "--seed", seed});
    EXPECT_EQ(found(again), found(first)) << seed;
    EXPECT_TRUE(exited(verify(pair, {"--sample", "100"}), 4));
    EXPECT_TRUE(holds(verify(pair, {"--sample", "100"}).out, ": 600 differences\n"));
    EXPECT_TRUE(holds(verify(pair, {"--sample", "0"}).out, "compared 1 of "));
}

TEST_F(Verify, RefusesAnotherSourceAndACopyThatIsNotDone) {
    const auto pair = copied("create table t (a int)");
    const auto other = fresh_pair("create table t (a int);");
    EXPECT_TRUE(refused(verify({pair.name, other.source, pair.target}, {"--job", pair.name}), 3,
                        {"not the given source"}));
    EXPECT_TRUE(refused(verify(other), 1, {"there is no job " + other.name}));
    pair.target_sql("update pghaul.job set phase = 'copying'");
    EXPECT_TRUE(refused(verify(pair), 1, {"copying", "not all rows are copied"}));
}

TEST_F(Verify, ComparesACopyThatHasNoIndexesYet) {
    const auto pair = fresh_pair(std::string(kKeyed) + "; analyze;");
    ASSERT_TRUE(exited(run(pair, {"--until", "copied", "--chunk-size=1MB"}), 0));
    EXPECT_TRUE(exited(verify(pair), 0));
    pair.target_sql("insert into keyed select * from keyed where id = 77;");
    EXPECT_EQ(found(verify(pair)),
              Lines{"public.keyed: id=77 is there once on the source, 2 times on the target"});
    EXPECT_TRUE(exited(verify(pair, {"--repair"}), 0));
    EXPECT_EQ(pair.target_sql("select count(*) from keyed where id = 77;"), "1");
}

TEST_F(Verify, NamesWhoLocksATableOnTheTarget) {
    const auto pair = copied("create table \"in .use\" (a int)");
    const Holder holder(pair.target,
                        "begin; "
                        "lock table public.\"in .use\" in access exclusive mode");
    EXPECT_TRUE(
        refused(verify(pair), 75, {"in .use", "pid " + std::to_string(holder.pid()), "run again"}));
}

TEST_F(Verify, StopsAtASignalAndLeavesNoSessions) {
    const auto pair = copied("create table t (a int); insert into t values (1)");
    Holder holder(pair.target, "begin; lock table public.t in access exclusive mode");
    ChildProcess child({PGHAUL_PROGRAM, "verify", "--source", pair.source, "--target", pair.target,
                        "--progress", "none"});
    ASSERT_TRUE(eventually([&] {
        return pair.target_sql("select count(*) > 0 from pg_locks where not granted;") == "t";
    }));
    child.kill(SIGINT);
    const auto result = child.wait(std::chrono::seconds(5));
    ASSERT_TRUE(result.has_value()) << "still running after 5 s";
    EXPECT_TRUE(refused(*result, 75, {"signal"}));
    EXPECT_TRUE(no_sessions_left());
}

TEST_F(Verify, ToldInJson) {
    const auto pair = copied(kKeyed);
    pair.target_sql("update keyed set v = 'other' where id = 12345;");
    const auto result = verify(pair, {"--json"});
    EXPECT_TRUE(exited(result, 4));
    const auto said = json::parse(result.out);
    EXPECT_EQ(said.at("differences"), 1);
    EXPECT_EQ(said.at("exact"), true);
    EXPECT_EQ(said.at("compared").at("rows"), 20000);
    const auto& table = said.at("tables").at(0);
    EXPECT_EQ(table.at("table"), "keyed");
    EXPECT_EQ(table.at("source_rows"), 20000);
    const auto& row = table.at("rows").at(0);
    EXPECT_EQ(row.at("kind"), "different");
    EXPECT_EQ(row.at("key").at("id"), "12345");
    EXPECT_EQ(row.at("columns"), json::array({"v"}));
}

}  // namespace
}  // namespace pghaul::test
