#include "loader/script_runner.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/loader/schema_databases.hpp"

namespace pghaul::loader {
namespace {

using test::error_of;
using test::fresh_database;
using test::kRichSchema;
using test::psql;

using ScriptRunnerTest = test::SchemaDatabases;

TEST_F(ScriptRunnerTest, GivesEveryTableItsOwner) {
    const std::string own = psql(source_, "select current_user");
    psql(source_,
         "create role \"an \"\"owner\" ; create table mine (x serial); create table theirs "
         "(x serial); alter table theirs owner to \"an \"\"owner\"; create table "
         "\"a\n\nALTER TABLE b\" (x serial)");
    pre_data(dump());
    EXPECT_EQ(schema_differences(), "");
    EXPECT_EQ(psql(target_,
                   "select string_agg(distinct tableowner, ',' order by tableowner) from "
                   "pg_tables where schemaname = 'public'"),
              "an \"owner," + own);
    for (const auto& database : {source_, target_}) psql(database, "drop table theirs");
    psql(source_, "drop role \"an \"\"owner\"");
}

TEST_F(ScriptRunnerTest, CommitsTheMarkWithTheSchemaOrNeither) {
    psql(source_, "create table a(); create table b()");
    const auto archive = dump();
    psql(target_, "create table mark(entries int)");
    const auto note = [](io::Connection& target, const RestoreProgress& progress) {
        target.query({"mark", "insert into public.mark values ($1::pg_catalog.int4)"},
                     {std::to_string(progress.entries_done)});
    };
    RestoreOptions restore;
    restore.mark = [&](io::Connection& target, const RestoreProgress& progress) {
        note(target, progress);
        throw io::Error("killed");
    };
    EXPECT_THROW(pre_data(archive, restore), io::Error);
    EXPECT_EQ(psql(target_, "select to_regclass('a'), (select count(*) from mark)"), "|0");

    restore.mark = [&](io::Connection& target, const RestoreProgress& progress) {
        note(target, progress);
        EXPECT_TRUE(progress.finished);
    };
    pre_data(archive, restore);
    EXPECT_EQ(psql(target_, "select to_regclass('a'), (select entries from mark)"), "a|2");
    // And once it is marked, once more is nothing.
    restore.entries_done = 2;
    restore.mark = [](io::Connection&, const RestoreProgress&) { FAIL(); };
    pre_data(archive, restore);
}

TEST_F(ScriptRunnerTest, GoesOnWhereALargeSchemaStopped) {
    psql(source_,
         "do $$begin for i in 1..1300 loop execute format('create sequence s%s', i); end "
         "loop; end$$; create table last (x int)");
    const auto archive = dump();
    std::vector<std::int64_t> marks;
    RestoreOptions restore;
    restore.mark = [&](io::Connection&, const RestoreProgress& progress) {
        if (!marks.empty()) throw io::Error("killed");
        marks.push_back(progress.entries_done);
        EXPECT_FALSE(progress.finished);
    };
    EXPECT_THROW(pre_data(archive, restore), io::Error);
    EXPECT_EQ(marks, std::vector<std::int64_t>{kEntriesPerTransaction});

    restore.entries_done = kEntriesPerTransaction;
    restore.mark = [&](io::Connection&, const RestoreProgress& progress) {
        EXPECT_TRUE(progress.finished);
        EXPECT_EQ(progress.entries_done, 1301);
    };
    pre_data(archive, restore);
    EXPECT_EQ(schema_differences(), "");
}

constexpr const char* kManyTables = R"sql(
do $$
begin
    for i in 1..400 loop
        execute format('create table t%s (id int generated always as identity, x text)', i);
        execute format('comment on table t%s is %L', i, 'table ' || i);
    end loop;
end$$
)sql";

TEST_F(ScriptRunnerTest, MakesTablesInSeveralSessionsButCommitsThemInOrder) {
    psql(source_,
         "create type kind as enum ('a'); "
         "do $$begin for i in 1..400 loop execute format('create table t%s (k kind)', i); "
         "end loop; end$$");
    const auto archive = dump();
    std::set<int> sessions;
    std::vector<std::int64_t> marks;
    bool killed = false;
    RestoreOptions restore;
    restore.sessions = 3;
    restore.mark = [&](io::Connection& target, const RestoreProgress& progress) {
        // The type, then two parts of the tables; the session of the third is lost.
        if (marks.size() == 3) killed = true;
        if (killed) throw io::Error("killed").poisons_connection(true);
        sessions.insert(target.backend_pid());
        marks.push_back(progress.entries_done);
        EXPECT_FALSE(progress.finished);
    };
    EXPECT_THROW(pre_data(archive, restore), io::Error);
    ASSERT_EQ(marks.size(), 3U);
    EXPECT_EQ(sessions.size(), 2U);
    EXPECT_TRUE(std::is_sorted(marks.begin(), marks.end()));
    EXPECT_EQ(psql(target_, "select count(*) from pg_class where relkind = 'r' and relname ~ '^t'"),
              std::to_string(marks.back() - marks.front()))
        << "as many as the marks say, and no more: " << testing::PrintToString(marks);

    restore.entries_done = marks.back();
    marks.clear();
    sessions.clear();
    restore.mark = [&](io::Connection& target, const RestoreProgress& progress) {
        sessions.insert(target.backend_pid());
        marks.push_back(progress.entries_done);
    };
    pre_data(archive, restore);
    EXPECT_EQ(sessions.size(), 3U);
    EXPECT_EQ(marks.back(), 401);
    EXPECT_EQ(schema_differences(), "");
}

TEST_F(ScriptRunnerTest, MakesTablesInOrderWhereTheyNeedOneAnother) {
    psql(source_, kManyTables);
    // Each of the last tables needs one that another session makes.
    psql(source_,
         "do $$begin for i in 1..50 loop execute format('create table u%s (a t%s)', i, i); end "
         "loop; end$$");
    const auto archive = dump();
    std::vector<std::int64_t> marks;
    RestoreOptions restore;
    restore.sessions = 4;
    restore.mark = [&](io::Connection&, const RestoreProgress& progress) {
        marks.push_back(progress.entries_done);
    };
    pre_data(archive, restore);
    EXPECT_TRUE(std::is_sorted(marks.begin(), marks.end()));
    EXPECT_EQ(schema_differences(), "");
}

TEST_F(ScriptRunnerTest, NamesTheTableThatOneOfSeveralSessionsCanNotMake) {
    psql(source_, kManyTables);
    const auto archive = dump();
    psql(target_, "create table t399 ()");
    RestoreOptions restore;
    restore.sessions = 2;
    const auto error = error_of([&] { pre_data(archive, restore); });
    EXPECT_EQ(error.sqlstate(), "42P07");
    EXPECT_NE(error.context().find("TABLE public t399"), std::string::npos) << error.context();
}

TEST_F(ScriptRunnerTest, MarksASchemaWithoutObjectsToo) {
    const auto archive = dump();
    int marks = 0;
    RestoreOptions restore;
    restore.mark = [&](io::Connection&, const RestoreProgress& progress) {
        EXPECT_TRUE(progress.finished);
        ++marks;
    };
    pre_data(archive, restore);
    EXPECT_EQ(marks, 1);
    // But not a part without any: that is over before a session is opened.
    rest(archive, {}, restore);
    EXPECT_EQ(marks, 1);
}

TEST_F(ScriptRunnerTest, CleansWhatAnEarlierAttemptMade) {
    psql(source_, kRichSchema);
    const auto archive = dump();
    psql(source_, "drop schema pghaul cascade");
    pre_data(archive);
    EXPECT_EQ(error_of([&] { pre_data(archive); }).sqlstate(), "42P06");
    pre_data(archive, {.clean = true, .entries_done = 0, .mark = {}});
    rest(archive, {});
    EXPECT_EQ(schema_differences(), "");
}

TEST_F(ScriptRunnerTest, BringsRightsThatTheArchiveBeginsWith) {
    psql(source_,
         "grant create on schema public to public; create table t (id int primary key); "
         "grant select on t to public");
    const auto archive = dump();
    pre_data(archive);
    rest(archive, {});
    EXPECT_EQ(schema_differences(), "");
    const char* rights = "select nspacl from pg_namespace where nspname = 'public'";
    EXPECT_EQ(psql(target_, rights), psql(source_, rights));
}

TEST_F(ScriptRunnerTest, DropsWhatACutOffAttemptHasMadeWhereRightsStandBetween) {
    psql(source_,
         "create function f1() returns int language sql as 'select 1'; "
         "create function f2() returns int language sql as 'select 1'; "
         "create function f3() returns int language sql as 'select 1'; "
         "revoke all on function f1() from public; revoke all on function f2() from public;");
    const auto archive = dump();
    pre_data(archive);
    drop_pre_data(tools_, archive, io::ConnInfo::parse(target_), options_, {3, false}, interrupt_);
    EXPECT_EQ(psql(target_, "select count(*) from pg_proc where proname ~ '^f[123]$'"), "0");
    pre_data(archive);
    EXPECT_EQ(schema_differences(), "");
}

TEST_F(ScriptRunnerTest, NamesTheObjectThatExistsAlready) {
    psql(source_, "create schema s; create table s.t()");
    psql(target_, "create schema s; create table s.t()");
    const auto archive =
        dump({.schemas = {}, .exclude_schemas = {}, .tables = {"s.t"}, .exclude_tables = {}});
    const auto error = error_of([&] { pre_data(archive); });
    EXPECT_EQ(error.sqlstate(), "42P07");
    EXPECT_EQ(error.context(), "schema, TABLE s t postgres");
    EXPECT_NE(error.hint().find("give an empty database"), std::string::npos);
}

TEST_F(ScriptRunnerTest, LeavesOutSettingsThatAnOlderTargetDoesNotKnow) {
    if (!test::find_server_bin(10)) GTEST_SKIP() << "PostgreSQL 10 server is not installed";
    psql(source_,
         "create table a(x int primary key); create table b(y int); "
         "create index on b(y)");
    const auto archive = dump();
    const test::Cluster old({.major = 10});
    target_ = old.conninfo("postgres");
    pre_data(archive);
    rest(archive, {});
    EXPECT_EQ(psql(target_, "select count(*) from pg_indexes where schemaname = 'public'"), "2");
}

TEST_F(ScriptRunnerTest, AsksForTheMissingRole) {
    psql(source_,
         "create role gone_owner; create role gone_reader; create table t(); "
         "alter table t owner to gone_owner; grant select on t to gone_reader");
    const auto archive = dump();
    psql(source_,
         "alter role gone_owner rename to there_owner; "
         "alter role gone_reader rename to there_reader");
    const auto error = error_of([&] { pre_data(archive); });
    EXPECT_EQ(error.sqlstate(), "42704");
    EXPECT_NE(std::string(error.what()).find("gone_owner"), std::string::npos);
    EXPECT_NE(error.hint().find("pg_dumpall --roles-only"), std::string::npos);
    EXPECT_NE(error.hint().find("--no-owner --no-privileges"), std::string::npos);

    options_.no_owner = true;
    EXPECT_NE(std::string(error_of([&] { pre_data(archive); }).what()).find("gone_reader"),
              std::string::npos);
    options_.no_privileges = true;
    pre_data(archive);
    EXPECT_EQ(psql(target_, "select relacl is null from pg_class where oid = 't'::regclass"), "t");
}

TEST_F(ScriptRunnerTest, AsksForTheMissingExtension) {
    if (psql(source_, "select count(*) from pg_available_extensions where name = 'citext'") !=
        "1") {
        GTEST_SKIP() << "no extension to test with";
    }
    psql(source_,
         "create extension citext; comment on extension citext is 'own words'; "
         "create table t(x citext)");
    const auto archive = dump();
    pre_data(archive);
    EXPECT_NE(psql(target_,
                   "select obj_description(oid) from pg_extension where extname = "
                   "'citext'"),
              "own words");

    // As if its package were missing on the target: the catalog says what CREATE EXTENSION must
    // find, so a name that no package has does it.
    psql(source_, "update pg_extension set extname = 'nowhere' where extname = 'citext'");
    target_ = fresh_database();
    const auto other = dump();
    const auto error = error_of([&] { pre_data(other); });
    EXPECT_NE(error.hint().find("install that extension's package"), std::string::npos)
        << error.report();
    EXPECT_EQ(error.context(), "schema, EXTENSION - nowhere ");
}

TEST_F(ScriptRunnerTest, AsksForTheMissingTablespace) {
    psql(source_, "set allow_in_place_tablespaces = on; create tablespace gone location ''");
    psql(source_, "create table t() tablespace gone; create table u()");
    const auto archive = dump();
    psql(source_, "alter tablespace gone rename to there");
    const auto error = error_of([&] { pre_data(archive); });
    EXPECT_NE(error.hint().find("create that tablespace"), std::string::npos) << error.report();
    options_.no_tablespaces = true;
    pre_data(archive);
    EXPECT_EQ(psql(target_, "select count(*) from pg_class where relname in ('t', 'u')"), "2");
}

TEST_F(ScriptRunnerTest, SaysWhatASelectionLeavesOut) {
    psql(source_, "create schema s; create table s.t()");
    const auto archive =
        dump({.schemas = {}, .exclude_schemas = {}, .tables = {"s.t"}, .exclude_tables = {}});
    const auto error = error_of([&] { pre_data(archive); });
    EXPECT_EQ(error.sqlstate(), "3F000");
    EXPECT_NE(error.hint().find("selection"), std::string::npos);
}

}  // namespace
}  // namespace pghaul::loader
