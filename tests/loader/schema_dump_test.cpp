#include "loader/schema_dump.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "io/temp_dir.hpp"
#include "tests/loader/schema_databases.hpp"

namespace pghaul::loader {
namespace {

using test::error_of;
using test::kRichSchema;
using test::psql;
using test::shared_cluster;

using SchemaDumpTest = test::SchemaDatabases;

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
