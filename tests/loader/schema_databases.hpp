// Two databases, and a schema's way from one to the other through pg_dump and pg_restore.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "io/error.hpp"
#include "loader/schema_dump.hpp"
#include "tests/support/equality.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {

inline constexpr const char* kRichSchema = R"sql(
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

class SchemaDatabases : public ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (IsSkipped()) return;
        try {
            tools_ = loader::find_dump_tools(15, 15, interrupt_);
        } catch (const io::Error& error) {
            GTEST_SKIP() << error.what();
        }
        source_ = fresh_database();
        target_ = fresh_database();
    }

    std::string dump(const snapshot::Selection& selection = {}) {
        options_.selection = selection;
        return loader::dump_schema(tools_, io::ConnInfo::parse(source_), "", options_, interrupt_);
    }
    void pre_data(const std::string& archive, const loader::RestoreOptions& restore = {}) {
        loader::restore_pre_data(tools_, archive, io::ConnInfo::parse(target_), options_, restore,
                                 interrupt_);
    }
    void rest(const std::string& archive, const std::set<snapshot::Oid>& built,
              const loader::RestoreOptions& restore = {}) {
        loader::RestOfSchema rest(tools_, archive, options_, interrupt_, built);
        for (const auto part : {loader::RestPart::indexes, loader::RestPart::others}) {
            rest.restore(part, io::ConnInfo::parse(target_), restore);
        }
    }
    snapshot::Oid oid(const std::string& expression) const {
        return static_cast<snapshot::Oid>(std::stoul(psql(source_, "select " + expression)));
    }
    std::string schema_differences() const {
        return compare_databases(source_, target_, {.materialized_views = false, .schema = true});
    }

    std::string source_;
    std::string target_;
    loader::DumpTools tools_;
    loader::SchemaOptions options_{.selection = {}, .job = "a job"};
};

}  // namespace pghaul::test
