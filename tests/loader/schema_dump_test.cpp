#include "loader/schema_dump.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "io/error.hpp"
#include "io/temp_dir.hpp"
#include "tests/support/equality.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::loader {
namespace {

using test::error_of;
using test::fresh_database;
using test::psql;
using test::shared_cluster;

constexpr const char* kRichSchema = R"sql(
create schema "Odd "" name; x";
create type "Odd "" name; x"."mood;" as enum ('a', 'b''c');
create table "Odd "" name; x"."we""ird
table" (id int generated always as identity primary key, "c "" d" "Odd "" name; x"."mood;"
        default 'b''c', check ("c "" d" <> 'a'));
comment on table "Odd "" name; x"."we""ird
table" is E'back\\slash, it''s; $$ and\n--\n-- Name: x; Type: TABLE; Schema: public; Owner: -\n--\n\n';
create schema s;
create table s.parted (id int, k int, primary key (id)) partition by range (id);
create table s.low partition of s.parted for values from (0) to (10);
create index parted_k on s.parted (k);
create table s.t (id int primary key, p int references s.parted, x text);
create index t_x on s.t (x);
comment on index s.t_x is 'an index';
create function s.changed() returns trigger language plpgsql as $$begin
--
-- Name: t; Type: TABLE; Schema: s; Owner: postgres
--

return new; end$$;
create trigger changed before insert on s.t for each row execute function s.changed();
create rule no_delete as on delete to s.t do instead nothing;
create policy mine on s.t using (true);
alter table s.t enable row level security;
create materialized view s.mv as select x from s.t;
create index mv_x on s.mv (x);
create statistics s.st on id, x from s.t;
create view s.grouped as select id, x from s.t group by id;
create materialized view s.grouped_too as select id, x from s.grouped;
create materialized view s.grouped_mv as select id, x from s.t group by id;
create index grouped_mv_x on s.grouped_mv (x);
comment on materialized view s.grouped_mv is 'made late';
create function s.late() returns bigint language sql
    begin atomic select count(*) from (select id, x from s.t group by id) as g; end;
comment on constraint t_p_fkey on s.t is 'a foreign key';
create function s.no_ddl() returns event_trigger language plpgsql as 'begin end';
create event trigger watch on ddl_command_end execute function s.no_ddl();
create schema pghaul;
create table pghaul.secret ();
)sql";

class SchemaDumpTest : public test::ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (IsSkipped()) return;
        try {
            tools_ = find_dump_tools(15, 15, interrupt_);
        } catch (const io::Error& error) {
            GTEST_SKIP() << error.what();
        }
        source_ = fresh_database();
        target_ = fresh_database();
    }

    std::string dump(const snapshot::Selection& selection = {}) {
        options_.selection = selection;
        return dump_schema(tools_, io::ConnInfo::parse(source_), "", options_, interrupt_);
    }
    void pre_data(const std::string& archive, const RestoreOptions& restore = {}) {
        restore_pre_data(tools_, archive, io::ConnInfo::parse(target_), options_, restore,
                         interrupt_);
    }
    void rest(const std::string& archive, const std::set<snapshot::Oid>& built,
              const RestoreOptions& restore = {}) {
        RestOfSchema rest(tools_, archive, options_, interrupt_, built);
        for (const auto part : {RestPart::indexes, RestPart::others}) {
            rest.restore(part, io::ConnInfo::parse(target_), restore);
        }
    }
    snapshot::Oid oid(const std::string& expression) const {
        return static_cast<snapshot::Oid>(std::stoul(psql(source_, "select " + expression)));
    }
    std::string schema_differences() const {
        return test::compare_databases(source_, target_,
                                       {.materialized_views = false, .schema = true});
    }

    std::string source_;
    std::string target_;
    DumpTools tools_;
    SchemaOptions options_{.selection = {}, .job = "a job"};
};

TEST_F(SchemaDumpTest, MakesTheSameSchemaInTwoSteps) {
    psql(source_, kRichSchema);
    const auto archive = dump();
    psql(source_, "drop schema pghaul cascade");
    pre_data(archive);
    EXPECT_EQ(psql(target_,
                   "select count(*) from pg_index where indexrelid >= 16384 and indrelid "
                   "in (select oid from pg_class where relkind in ('r', 'm', 'p'))"),
              "0");
    rest(archive, {});
    EXPECT_EQ(schema_differences(), "");
    EXPECT_EQ(psql(target_, "select count(*) from pg_namespace where nspname = 'pghaul'"), "0");
}

TEST_F(SchemaDumpTest, LeavesOutWhatIsBuiltAlready) {
    psql(source_, kRichSchema);
    const auto archive = dump();
    psql(source_, "drop schema pghaul cascade");
    pre_data(archive);
    psql(target_,
         "alter table s.t add constraint t_pkey primary key (id); "
         "create index t_x on s.t (x); "
         "alter table s.low add constraint low_pkey primary key (id); "
         "create index low_k_idx on s.low (k)");
    rest(archive,
         {oid("oid from pg_constraint where conname = 't_pkey'"), oid("'s.t_x'::regclass::oid"),
          oid("oid from pg_constraint where conname = 'low_pkey'"),
          oid("'s.low_k_idx'::regclass::oid")});
    EXPECT_EQ(schema_differences(), "");
    EXPECT_EQ(psql(target_, "select obj_description('s.t_x'::regclass)"), "an index");
}

TEST_F(SchemaDumpTest, ReadsTheSameScriptAsFromAList) {
    psql(source_,
         std::string(kRichSchema) +
             "create extension if not exists pageinspect; comment on extension pageinspect is 'x'");
    const auto archive = dump();
    const auto from_list = read_pre_data(tools_, archive, options_, true, interrupt_);
    const auto script = read_pre_data(tools_, archive, options_, false, interrupt_);
    EXPECT_EQ(script.settings, from_list.settings);
    EXPECT_TRUE(script.drops.empty());
    ASSERT_EQ(script.entries.size(), from_list.entries.size());
    for (std::size_t i = 0; i < script.entries.size(); ++i) {
        EXPECT_EQ(script.entries[i].title, from_list.entries[i].title);
        EXPECT_EQ(script.entries[i].settings, from_list.entries[i].settings);
        EXPECT_EQ(script.entries[i].sql, from_list.entries[i].sql);
    }
}

TEST_F(SchemaDumpTest, GivesEveryTableItsOwner) {
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

TEST_F(SchemaDumpTest, HasNoCodeCompiledForPgDump) {
    const io::TempDir files;
    const auto dump_with = [&](const std::string& body) {
        tools_.pg_dump = files.write("pg_dump", "#!/bin/sh\n" + body);
        std::filesystem::permissions(tools_.pg_dump, std::filesystem::perms::owner_all);
        return dump();
    };
    ::setenv("PGOPTIONS", "-c work_mem=5MB", 1);
    EXPECT_EQ(dump_with("echo $PGOPTIONS\n"), "-c work_mem=5MB\n") << "of an unknown version";
    options_.source_major = 10;
    EXPECT_EQ(dump_with("echo $PGOPTIONS\n"), "-c work_mem=5MB\n");
    options_.source_major = 11;
    EXPECT_EQ(dump_with("echo $PGOPTIONS\n"), "-c jit=off -c work_mem=5MB\n");
    ::unsetenv("PGOPTIONS");
    // A pooler that takes none.
    const std::string refuse =
        "test -z \"$PGOPTIONS\" && echo fine && exit\n"
        "echo 'pg_dump: error: connection to server failed: FATAL:  unsupported startup parameter: "
        "options' >&2; exit 1\n";
    EXPECT_EQ(dump_with(refuse), "fine\n");
}

TEST_F(SchemaDumpTest, CommitsTheMarkWithTheSchemaOrNeither) {
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

TEST_F(SchemaDumpTest, GoesOnWhereALargeSchemaStopped) {
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

TEST_F(SchemaDumpTest, MakesTablesInSeveralSessionsButCommitsThemInOrder) {
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

TEST_F(SchemaDumpTest, MakesTablesInOrderWhereTheyNeedOneAnother) {
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

TEST_F(SchemaDumpTest, NamesTheTableThatOneOfSeveralSessionsCanNotMake) {
    psql(source_, kManyTables);
    const auto archive = dump();
    psql(target_, "create table t399 ()");
    RestoreOptions restore;
    restore.sessions = 2;
    const auto error = error_of([&] { pre_data(archive, restore); });
    EXPECT_EQ(error.sqlstate(), "42P07");
    EXPECT_NE(error.context().find("TABLE public t399"), std::string::npos) << error.context();
}

TEST_F(SchemaDumpTest, MarksASchemaWithoutObjectsToo) {
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

TEST_F(SchemaDumpTest, CleansWhatAnEarlierAttemptMade) {
    psql(source_, kRichSchema);
    const auto archive = dump();
    psql(source_, "drop schema pghaul cascade");
    pre_data(archive);
    EXPECT_EQ(error_of([&] { pre_data(archive); }).sqlstate(), "42P06");
    pre_data(archive, {.clean = true, .entries_done = 0, .mark = {}});
    rest(archive, {});
    EXPECT_EQ(schema_differences(), "");
}

TEST_F(SchemaDumpTest, BringsRightsThatTheArchiveBeginsWith) {
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

TEST_F(SchemaDumpTest, DropsWhatACutOffAttemptHasMadeWhereRightsStandBetween) {
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

TEST_F(SchemaDumpTest, NamesTheObjectThatExistsAlready) {
    psql(source_, "create schema s; create table s.t()");
    psql(target_, "create schema s; create table s.t()");
    const auto archive =
        dump({.schemas = {}, .exclude_schemas = {}, .tables = {"s.t"}, .exclude_tables = {}});
    const auto error = error_of([&] { pre_data(archive); });
    EXPECT_EQ(error.sqlstate(), "42P07");
    EXPECT_EQ(error.context(), "schema, TABLE s t postgres");
    EXPECT_NE(error.hint().find("give an empty database"), std::string::npos);
}

TEST_F(SchemaDumpTest, LeavesOutSettingsThatAnOlderTargetDoesNotKnow) {
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

TEST_F(SchemaDumpTest, AsksForTheMissingRole) {
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

TEST_F(SchemaDumpTest, AsksForTheMissingExtension) {
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

TEST_F(SchemaDumpTest, AsksForTheMissingTablespace) {
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

TEST_F(SchemaDumpTest, SaysWhatASelectionLeavesOut) {
    psql(source_, "create schema s; create table s.t()");
    const auto archive =
        dump({.schemas = {}, .exclude_schemas = {}, .tables = {"s.t"}, .exclude_tables = {}});
    const auto error = error_of([&] { pre_data(archive); });
    EXPECT_EQ(error.sqlstate(), "3F000");
    EXPECT_NE(error.hint().find("selection"), std::string::npos);
}

TEST_F(SchemaDumpTest, PassesTheSelectionOn) {
    psql(source_,
         "create schema a; create schema b; create table a.x(); create table a.y(); "
         "create table b.x()");
    pre_data(
        dump({.schemas = {"a"}, .exclude_schemas = {}, .tables = {}, .exclude_tables = {"a.y"}}));
    EXPECT_EQ(
        psql(target_, "select oid::regclass from pg_class where relkind = 'r' and oid >= 16384"),
        "a.x");
    const auto error = error_of([&] {
        dump({.schemas = {}, .exclude_schemas = {}, .tables = {"nowhere.t"}, .exclude_tables = {}});
    });
    EXPECT_EQ(error.exit_code(), io::ExitCode::usage) << error.report();
}

TEST_F(SchemaDumpTest, DumpsAsOfTheSnapshot) {
    psql(source_, "create table before()");
    auto keeper = test::connect(source_, interrupt_);
    keeper.execute({"begin", "begin isolation level repeatable read"});
    const auto snapshot = keeper.query_value({"export", "select pg_catalog.pg_export_snapshot()"});
    psql(source_, "create table after()");
    pre_data(dump_schema(tools_, io::ConnInfo::parse(source_), snapshot, options_, interrupt_));
    EXPECT_EQ(psql(target_, "select to_regclass('before'), to_regclass('after')"), "before|");

    keeper.execute({"rollback", "rollback"});
    const auto error = error_of(
        [&] { dump_schema(tools_, io::ConnInfo::parse(source_), snapshot, options_, interrupt_); });
    EXPECT_NE(std::string(error.what()).find("pg_dump failed"), std::string::npos);
}

TEST_F(SchemaDumpTest, LogsInWithThePasswordItWasGiven) {
    psql(source_, "create role guarded superuser login password 'p:w\\d s'; create table t()");
    const auto file = shared_cluster().data_dir() + "/pg_hba.conf";
    const auto before = io::read_file(file);
    std::ofstream(file) << "host all guarded all scram-sha-256\n" << before;
    psql(source_, "select pg_reload_conf()");
    ::setenv("PGPASSWORD", "another one", 1);
    auto info = io::ConnInfo::parse(source_);
    info.set("user", "guarded");
    info.set("password", "p:w\\d s");
    // The server reads the file anew at its own pace.
    EXPECT_TRUE(test::eventually([&] {
        try {
            test::connect(source_ + " user=guarded password=wrong", interrupt_);
            return false;
        } catch (const io::Error&) {
            return true;
        }
    }));
    EXPECT_FALSE(dump_schema(tools_, info, "", options_, interrupt_).empty());
    info.set("password", "wrong");
    const auto error = error_of([&] { dump_schema(tools_, info, "", options_, interrupt_); });
    EXPECT_EQ(error.report().find("wrong"), std::string::npos);
    ::unsetenv("PGPASSWORD");
    std::ofstream(file) << before;
    psql(source_, "select pg_reload_conf()");
}

TEST_F(SchemaDumpTest, IsInterruptedWhileAnotherSessionLocksATable) {
    psql(source_, "create table t()");
    const io::Interrupt never;
    auto blocker = test::connect(source_, never);
    blocker.execute({"lock", "begin; lock table public.t in access exclusive mode"});
    std::jthread stopper([&] {
        test::eventually([&] {
            return psql(source_,
                        "select count(*) from pg_stat_activity where wait_event_type = "
                        "'Lock' and application_name = 'pghaul/a job/schema'") == "1";
        });
        interrupt_.fire();
    });
    EXPECT_THROW(dump(), io::Interrupted);
}

}  // namespace
}  // namespace pghaul::loader
