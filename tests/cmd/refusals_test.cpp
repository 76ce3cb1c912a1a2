// Bad input that is refused before anything is touched: the exit code of the contract, one clear
// message with a hint, an untouched target; and when the cause is gone, the job goes through.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {
namespace {

constexpr const char* kTables = R"sql(
    create table good (id serial primary key, a text);
    create table "Clo.sed" (id int primary key);
    insert into good (a) values ('x');
    insert into "Clo.sed" values (1);)sql";

class Refusals : public HaulTest {
  protected:
    static ProcessResult run_between(const std::string& source, const std::string& target,
                                     const Arguments& more = {}) {
        return run({"", source, target}, more);
    }
    static bool untouched(const Pair& pair) {
        return pair.target_sql(
                   "select count(*) from pg_class where relnamespace not in ("
                   "'pg_catalog'::regnamespace, 'pg_toast'::regnamespace, "
                   "'information_schema'::regnamespace);") == "0" &&
               pair.target_sql("select count(*) from pg_namespace where nspname = 'pghaul';") ==
                   "0";
    }
};

TEST_F(Refusals, NeverEchoThePasswordOfAMalformedConnectionString) {
    const auto pair = fresh_pair(kTables);
    const std::string port = std::to_string(source_server().port());
    for (const std::string bad :
         {"postgresql://u:s3cret@[::1/db", "postgresql://u:s3cret@h:x/db",
          "postgresql://u:s3cret@h/db?nonsense=1", "postgresql://u:s3cret%zz@h/db",
          "postgresql://u:s3cret@h/db?password=s3cret%zz", "host=h password=s3cret nonsense=1",
          "host=h password='s3cret", "host password=s3cret", "password=s3cret port=99999999",
          "host=h s3cret", "postgresql://u:s3cret@h/db?s3cret",
          "sslpassword=s3cret sslmode=what"}) {
        SCOPED_TRACE(bad);
        const auto as_source = run_between(bad, pair.target);
        EXPECT_TRUE(refused(as_source, 2, {}));
        EXPECT_EQ(as_source.err.find("s3cret"), std::string::npos) << as_source.err;
        const auto as_target = run_between(pair.source, bad);
        EXPECT_TRUE(refused(as_target, 2, {}));
        EXPECT_EQ(as_target.err.find("s3cret"), std::string::npos) << as_target.err;
    }
    const auto right =
        run_between("postgresql://postgres:s3cret@127.0.0.1:" + port + "/" + pair.name,
                    pair.target + " password=s3cret");
    EXPECT_TRUE(exited(right, 0));
    EXPECT_EQ((right.out + right.err).find("s3cret"), std::string::npos);
    EXPECT_EQ(pair.target_sql("select count(*) from pghaul.job j where j::text like '%s3cret%';"),
              "0");
}

TEST_F(Refusals, SayWhichServerCannotBeReached) {
    const auto pair = fresh_pair(kTables);
    EXPECT_TRUE(refused(run_between("host=127.0.0.1 port=1 dbname=x user=y", pair.target), 75,
                        {"127.0.0.1", "is the server running"}));
    EXPECT_TRUE(refused(run_between(pair.source, "host=127.0.0.1 port=1 dbname=x user=y"), 75,
                        {"127.0.0.1", "is the server running"}));
    EXPECT_TRUE(refused(run_between("host=no-such-host.invalid dbname=x user=y", pair.target), 75,
                        {"no-such-host.invalid"}));
    EXPECT_TRUE(
        refused(pghaul({"status", "--target", "host=127.0.0.1 port=1 user=y"}), 75, {"127.0.0.1"}));
    EXPECT_TRUE(untouched(pair));
}

TEST_F(Refusals, SayThatDatabaseOrRoleDoesNotExist) {
    const auto pair = fresh_pair(kTables);
    EXPECT_TRUE(refused(run_between(source_server().conninfo("no .such"), pair.target), 1,
                        {"database \"no .such\" does not exist", "check user"}));
    EXPECT_TRUE(refused(run_between(pair.source, target_server().conninfo("no .such")), 1,
                        {"database \"no .such\" does not exist"}));
    EXPECT_TRUE(refused(run_between(source_server().conninfo(pair.name, "no'body"), pair.target), 1,
                        {"role \"no'body\" does not exist", "check user"}));
    EXPECT_TRUE(untouched(pair));
}

TEST_F(Refusals, NameWhatStandsInATargetThatIsNotEmpty) {
    const auto pair = fresh_pair(kTables);
    for (const auto& [make, named, unmake] : std::vector<std::array<std::string, 3>>{
             {"create table \"My Ta.ble\" (a int);", "My Ta.ble", "drop table \"My Ta.ble\";"},
             {"create view v as select 1;", "public.v", "drop view v;"},
             {"create schema s;", "schema s", "drop schema s;"},
             {"create sequence q;", "public.q", "drop sequence q;"},
             {"create function f() returns int language sql as 'select 1';", "function public.f",
              "drop function f();"},
             {"create type mood as enum ('x');", "mood", "drop type mood;"},
             {"create domain d as int;", "public.d", "drop domain d;"},
             {"select lo_create(77);", "large object 77", "select lo_unlink(77);"}}) {
        pair.target_sql(make);
        EXPECT_TRUE(refused(run(pair), 3, {"not empty", named, "nothing was touched"}));
        const auto plan =
            pghaul({"plan", "--json", "--source", pair.source, "--target", pair.target});
        EXPECT_TRUE(exited(plan, 3));
        EXPECT_TRUE(holds(nlohmann::json::parse(plan.out).at("hazards").dump(), "not empty"));
        pair.target_sql(unmake);
        EXPECT_TRUE(untouched(pair));
    }
    EXPECT_TRUE(exited(run(pair), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Refusals, LeaveAloneWhatCameIntoTheTargetBeforeAnInterruptedRunMadeItsSchema) {
    for (const bool capture : {false, true}) {
        const auto pair = fresh_pair(kTables);
        const auto haul = [&](const Environment& env = {}) {
            if (!capture) return run(pair, {}, env);
            return pghaul({"run", "--source", pair.source, "--target", pair.target}, env);
        };
        const std::string at = capture ? "snapshot_exported" : "plan_recorded";
        EXPECT_EQ(haul({{"PGHAUL_FAILPOINTS", at + "=kill"}}).signal, SIGKILL);
        pair.target_sql("create table good (a text); insert into good values ('not ours');");
        for (int time = 0; time < 2; ++time) {
            EXPECT_TRUE(refused(haul(), 3, {"not empty", "public.good"}));
            EXPECT_EQ(pair.target_sql("select a from good;"), "not ours");
        }
        pair.target_sql("drop table good;");
        EXPECT_TRUE(exited(haul(), 0));
        EXPECT_TRUE(exited(drop(pair), 0));
        EXPECT_TRUE(equal(pair, true));
    }
}

TEST_F(Refusals, SeeThatSourceAndTargetAreTheSameHoweverTheyAreNamed) {
    const auto pair = fresh_pair(kTables);
    const std::string rest =
        " port=" + std::to_string(source_server().port()) + " user=postgres dbname=" + pair.name;
    for (const auto& same :
         {pair.source, "host=localhost" + rest, "host=" + source_server().socket_dir() + rest}) {
        EXPECT_TRUE(refused(run_between(pair.source, same), 3, {"same database"}));
        EXPECT_TRUE(refused(run_between(same, pair.source), 3, {"same database"}));
    }
    EXPECT_EQ(pair.source_sql("select count(*) from pg_namespace where nspname = 'pghaul';"), "0");
}

TEST_F(Refusals, NameTheTableThatMayNotBeReadAndGoOnceItMay) {
    on_both_servers("create role limited login;");
    const auto pair = fresh_pair(std::string(kTables) +
                                 "grant select on all tables in schema public to limited;"
                                 "grant select on all sequences in schema public to limited;"
                                 "revoke select on \"Clo.sed\" from limited;");
    const auto source = source_server().conninfo(pair.name, "limited");
    EXPECT_TRUE(refused(run_between(source, pair.target), 3, {"Clo.sed", "grant select"}));
    EXPECT_TRUE(exited(pghaul({"plan", "--source", source, "--target", pair.target}), 3));
    EXPECT_TRUE(untouched(pair));
    pair.source_sql("grant select on \"Clo.sed\" to limited;");
    EXPECT_TRUE(exited(run_between(source, pair.target), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Refusals, NameTheSequenceThatMayNotBeRead) {
    on_both_servers("create role limited login;");
    const auto pair = fresh_pair(std::string(kTables) +
                                 "grant select on all tables in schema public to limited;");
    const auto source = source_server().conninfo(pair.name, "limited");
    EXPECT_TRUE(refused(run_between(source, pair.target), 3, {"good_id_seq", "grant select"}));
    EXPECT_TRUE(untouched(pair));
}

TEST_F(Refusals, NameTheLargeObjectThatMayNotBeRead) {
    on_both_servers("create role limited login;");
    const auto pair = fresh_pair(
        "select lo_create(5), lo_create(6), lo_create(7);"
        "grant select on large object 6 to limited;"
        "grant select on large object 7 to public;");
    const auto source = source_server().conninfo(pair.name, "limited");
    EXPECT_TRUE(refused(run_between(source, pair.target), 3, {"large object 5", "grant select"}));
    EXPECT_TRUE(untouched(pair));
    pair.source_sql("grant select on large object 5 to limited;");
    EXPECT_TRUE(exited(run_between(source, pair.target), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Refusals, NameTheTableWhoseRowsAPolicyWouldHide) {
    on_both_servers("create role limited login;");
    const auto pair = fresh_pair(std::string(kTables) +
                                 "grant select on all tables in schema public to limited;"
                                 "grant select on all sequences in schema public to limited;"
                                 "alter table good enable row level security;"
                                 "create policy p on good to limited using (a <> 'x');");
    const auto source = source_server().conninfo(pair.name, "limited");
    EXPECT_TRUE(refused(run_between(source, pair.target), 3, {"public.good", "BYPASSRLS"}));
    EXPECT_TRUE(untouched(pair));
    pair.source_sql("alter role limited bypassrls;");
    EXPECT_TRUE(exited(run_between(source, pair.target), 0));
    pair.source_sql("alter role limited nobypassrls;");
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Refusals, SayThatTheRoleMayNotCreateInTheTarget) {
    on_both_servers("create role limited login;");
    const auto pair = fresh_pair(kTables);
    const auto target = target_server().conninfo(pair.name, "limited");
    EXPECT_TRUE(
        refused(run_between(pair.source, target), 3, {"limited", "grant create on database"}));
    EXPECT_TRUE(untouched(pair));
}

TEST_F(Refusals, NameTheOwnersThatTheTargetsRoleMayNotActFor) {
    on_both_servers("create role limited login;");
    on_both_servers("create role stranger;");
    auto pair = fresh_pair(std::string(kTables) +
                               "alter table good owner to stranger;"
                               "grant create on schema public to stranger;"
                               "alter table \"Clo.sed\" owner to limited;",
                           "", "owner limited");
    pair.target = target_server().conninfo(pair.name, "limited");
    const auto plan = pghaul({"plan", "--source", pair.source, "--target", pair.target});
    EXPECT_TRUE(exited(plan, 0));
    EXPECT_TRUE(holds(plan.out, "it is not connected: stranger\n"));
    EXPECT_TRUE(refused(run(pair), 1, {"stranger", "member of the owners' roles"}));
    EXPECT_TRUE(exited(run(pair, {"--no-owner"}), 3)) << "a job keeps its choices";
    psql(target_server().conninfo("postgres"), "grant stranger to limited;");
    EXPECT_TRUE(exited(run(pair), 0));
    EXPECT_TRUE(equal(pair, true));
    psql(target_server().conninfo("postgres"), "revoke stranger from limited;");
}

TEST_F(Refusals, DoNotAskForASuperuserWhereSchemaPublicIsOne) {
    on_both_servers("create role limited login;");
    auto pair = fresh_pair(std::string(kTables) +
                               "alter table good owner to limited;"
                               "alter table \"Clo.sed\" owner to limited;"
                               "alter schema public owner to postgres;"
                               "grant all on schema public to public;",
                           "", "owner limited");
    pair.source = source_server().conninfo(pair.name, "limited");
    pair.target = target_server().conninfo(pair.name, "limited");
    EXPECT_TRUE(exited(run(pair), 0));
    const char* owner = "select nspowner::regrole from pg_namespace where nspname = 'public';";
    EXPECT_EQ(pair.target_sql(owner), "pg_database_owner");
    EXPECT_TRUE(equal(pair));
    const auto back = fresh_pair("alter schema public owner to limited;");
    EXPECT_TRUE(exited(run(back), 0));
    EXPECT_EQ(back.target_sql(owner), "limited") << "who may hand it over does";
}

TEST_F(Refusals, NameTheRoleThatTheTargetLacksAndGoOnceItIsThere) {
    const auto pair =
        fresh_pair("create role \"Only .here\"; create role only_granted;" + std::string(kTables) +
                   "alter table good owner to \"Only .here\";"
                   "grant select on good to only_granted;");
    EXPECT_TRUE(refused(run(pair), 3, {"Only .here", "only_granted", "--no-owner"}));
    EXPECT_TRUE(untouched(pair));
    psql(target_server().conninfo("postgres"),
         "create role \"Only .here\"; create role only_granted;");
    EXPECT_TRUE(exited(run(pair), 0));
    EXPECT_TRUE(equal(pair, true));
}

TEST_F(Refusals, NameTheExtensionThatTheTargetLacks) {
    // Both servers run the same programs, so the name is changed where only the source sees it.
    const auto pair = fresh_pair(std::string(kTables) +
                                 "create extension hstore; update pg_extension "
                                 "set extname = 'of .elsewhere' where extname = 'hstore';");
    EXPECT_TRUE(refused(run(pair), 3, {"of .elsewhere", "install their packages"}));
    EXPECT_TRUE(untouched(pair));
}

TEST_F(Refusals, ExplainWhatIsWrongWithTheOptions) {
    const auto pair = fresh_pair(kTables);
    EXPECT_TRUE(refused(run(pair, {"--no-such-option"}), 2, {"no-such-option"}));
    EXPECT_TRUE(refused(run(pair, {"--max-runtime", "8h"}), 2, {"--source-is-quiet"}));
    EXPECT_TRUE(refused(run(pair, {"--stop-at", "06:00"}), 2, {"--source-is-quiet"}));
    EXPECT_TRUE(refused(run(pair, {"--restart-copy", "--source-is-quiet"}), 2, {"exclude"}));
    EXPECT_TRUE(refused(run(pair, {"--chunk-size", "1kB"}), 2, {"--chunk-size"}));
    EXPECT_TRUE(refused(run(pair, {"--chunk-size", "much"}), 2, {"much"}));
    EXPECT_TRUE(refused(run(pair, {"-j", "0"}), 2, {"--jobs"}));
    EXPECT_TRUE(refused(run(pair, {"--job", "a b"}), 2, {"--job"}));
    EXPECT_TRUE(refused(run(pair, {"--log-file", "/proc/no/such/log"}), 2, {"log file"}));
    EXPECT_TRUE(refused(run(pair, {"--until", "current"}), 2, {"--no-capture"}));
    EXPECT_TRUE(refused(pghaul({"drop"}), 2, {"--target", "--source"}));
    EXPECT_TRUE(refused(pghaul({"run", "--no-capture", "--source", pair.source}), 2, {"--target"}));
    EXPECT_TRUE(refused(pghaul({}), 2, {}));
    EXPECT_TRUE(refused(pghaul({"walk"}), 2, {}));
    EXPECT_TRUE(
        refused(pghaul({"status", "--target", pair.target, "--job", "none"}), 1, {"no job"}));
    EXPECT_TRUE(untouched(pair));
}

}  // namespace
}  // namespace pghaul::test
