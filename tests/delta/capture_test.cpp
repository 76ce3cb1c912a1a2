// Capture leaves a trace of every change, whoever makes it and however, and of every kind of table.
#include "delta/capture.hpp"

#include <gtest/gtest.h>

#include "tests/delta/live_pair.hpp"

namespace pghaul::test {
namespace {

class Captured : public Live {};

constexpr const char* kPlain = R"sql(
    create table t (id int primary key, v text);
    insert into t select i, 'v' || i from generate_series(1, 20) i;
)sql";

TEST_P(Captured, StatementsOfEveryKind) {
    expect_carried(GetParam(), kPlain, R"sql(
        insert into t values (101, 'a'), (102, 'b');
        update t set v = 'u' where id <= 3;
        update t set id = id + 200 where id between 4 and 6;
        delete from t where id between 7 and 9;
        insert into t values (10, 'c'), (103, 'd') on conflict (id) do update set v = excluded.v;
        insert into t values (11, 'not'), (104, 'e') on conflict do nothing;
        with gone as (delete from t where id = 12 returning *) insert into t select id + 300, v from gone;
        merge into t using (values (13, 'm'), (14, null), (105, 'n')) as n (id, v) on t.id = n.id
         when matched and n.v is null then delete
         when matched then update set v = n.v
         when not matched then insert values (n.id, n.v);
        copy t from stdin;
106	copied
107	\N
\.
        update t set v = v; delete from t where false; update t set v = '' where false;
    )sql");
}

TEST_P(Captured, WhatSurvivesItsTransaction) {
    LivePair pair(GetParam(), kPlain);
    pair.source(R"sql(
        begin; insert into t values (50, 'x'); rollback;
        begin;
        update t set v = 'first' where id = 1;
        savepoint a; update t set v = 'second' where id = 2; rollback to a;
        savepoint b; update t set id = 60 where id = 3; release b;
        savepoint c; delete from t where id = 4; savepoint d; insert into t values (61, 'd');
        release d; rollback to c;
        commit;
        do $$ begin
            insert into t values (70, 'kept');
            begin insert into t values (71, 'x'); raise exception 'no'; exception when others then null; end;
        end $$;
    )sql");
    EXPECT_EQ(pair.ask_source("select count(distinct x) from " + pair.delta_of("t")), "2")
        << "a change in a subtransaction counts as its transaction's";
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

TEST_P(Captured, WritersWhoseTriggersDoNotFire) {
    LivePair pair(GetParam(), R"sql(
        create table t (id int primary key); insert into t values (1), (2), (3);
        create table p (id int primary key) partition by range (id);
        create table p1 partition of p for values from (0) to (100);
        insert into p values (1), (2);
    )sql");
    psql(pair.source_as_superuser(), R"sql(
        set session_replication_role = replica;
        insert into t values (4); update t set id = 10 where id = 1; delete from t where id = 2;
        insert into p values (3); update p set id = 5 where id = 1; delete from p where id = 2;
        truncate t; insert into t values (77);
    )sql");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

TEST_P(Captured, WritersThatMayDoNothingElse) {
    LivePair pair(GetParam(), kPlain);
    psql(pair.source_as_superuser(),
         "do $$ begin create role clerk login; exception when duplicate_object then null; end $$;"
         "grant select, insert, update, delete, truncate on t to clerk;"
         "revoke all on schema public from public; grant usage on schema public to clerk;");
    psql(pair.source_as("clerk"), R"sql(
        set search_path = '';
        insert into public.t values (30); update public.t set v = 'c' where id = 1;
        delete from public.t where id = 2;
    )sql");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

TEST_P(Captured, BulkChanges) {
    LivePair pair(GetParam(),
                  "create table t (id int primary key, v int);"
                  "insert into t select i, i from generate_series(1, 30000) i;");
    pair.source("update t set v = v + 1;");
    EXPECT_EQ(pair.captured_of("t"), "30000") << "a key that stays needs one row";
    pair.source(
        "update t set id = -id; delete from t where id % 3 = 0;"
        "insert into t select i, i from generate_series(1, 20000, 2) i;");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
    EXPECT_EQ(pair.captured_of("t"), "0") << "what is applied is removed";
}

TEST_P(Captured, NamesThatNeedQuotes) {
    const std::string longest(63, 'n');
    expect_carried(GetParam(),
                   R"sql(
        create table "a.b ""q"" 'x' $$ ü" ("order by" int primary key, "x" int, "k1" text, "a.b" int);
        insert into "a.b ""q"" 'x' $$ ü" values (1, 1, 'a', 1), (2, 2, 'b', 2);
        create table "new
line" (x int, k1 int, k2 int, primary key (k2, x));
        insert into "new
line" values (1, 2, 3), (4, 5, 6);
        create table )sql" +
                       longest + " (" + longest + R"sql( int primary key, v int);
        insert into )sql" +
                       longest + R"sql( values (1, 1), (2, 2);
        create table "Select" ("old" int, "new" int, n int, o int, u int, d int, t int, k int,
            "row" int, tg_op int, "new_rows" int, primary key ("old", "new", n, o, u, d, t, k, "row", tg_op, new_rows));
        insert into "Select" values (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
        create table keyless (x text, "k1" text, "%s" text, "{}" text); insert into keyless values ('1', '2', '3', '4');
    )sql",
                   R"sql(
        update "a.b ""q"" 'x' $$ ü" set "order by" = 3 where x = 1; delete from "a.b ""q"" 'x' $$ ü" where k1 = 'b';
        update "new
line" set x = 9, k1 = 8 where k2 = 3; insert into "new
line" values (0, 0, 0);
        update )sql" + longest +
                       " set v = 5; insert into " + longest + R"sql( values (3, 3);
        update "Select" set "old" = 2, "new" = 5; insert into "Select" values (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        update keyless set "{}" = 'five'; insert into keyless values ('1', '2', '3', '4');
    )sql");
}

TEST_P(Captured, ColumnsThatTheServerFills) {
    expect_carried(GetParam(), R"sql(
        create table g (id int generated always as identity primary key, a int,
                        twice int generated always as (a * 2) stored);
        insert into g (a) values (1), (2), (3);
        create table k (a int, b int generated always as (a + 1) stored primary key, c text);
        insert into k (a) values (1), (2), (3);
        create table b (a int, c int generated always as (a * 3) stored);
        insert into b (a) values (1), (1), (2);
        create table dropped (gone int, id int primary key, gone_too text, v text);
        alter table dropped drop column gone; alter table dropped drop column gone_too;
        insert into dropped values (1, 'a'), (2, 'b');
    )sql",
                   R"sql(
        insert into g (a) values (4); update g set a = 10 where id = 1; delete from g where id = 2;
        insert into g (id, a) overriding system value values (50, 5);
        update k set a = 11 where a = 1; update k set c = 'x' where a = 2; delete from k where a = 3;
        insert into b (a) values (1); delete from b where a = 2;
        update dropped set v = 'c' where id = 1; update dropped set id = 3 where id = 2;
    )sql");
}

TEST_P(Captured, PartitionsAndRowsThatMoveBetweenThem) {
    expect_carried(GetParam(), R"sql(
        create table p (id int, at date, v text, primary key (id, at)) partition by range (at);
        create table p1 partition of p for values from ('2024-01-01') to ('2024-02-01');
        create table p2 partition of p for values from ('2024-02-01') to ('2024-03-01')
            partition by hash (id);
        create table p2a partition of p2 for values with (modulus 2, remainder 0);
        create table p2b partition of p2 for values with (modulus 2, remainder 1);
        create table odd (v text, gone int, at date not null, id int not null);
        alter table odd drop column gone;
        alter table p attach partition odd default;
        insert into p select i, date '2024-01-01' + i, 'v' from generate_series(0, 80) i;
        create table bag (a int, j json) partition by list (a);
        create table bag1 partition of bag for values in (1);
        create table bag2 partition of bag default;
        insert into bag values (1, '[]'), (1, '[]'), (2, '{}'), (null, null);
    )sql",
                   R"sql(
        update p set v = 'u' where id % 4 = 0;
        update p set at = at + 40 where id between 10 and 30;
        update p set id = id + 1000 where id between 40 and 50;
        delete from p where id % 7 = 0;
        insert into p select i, date '2024-01-01' + i % 90, 'new' from generate_series(200, 280) i;
        insert into p2a select id + 5000, at, v from p2a limit 0;
        update p1 set v = 'direct' where id = 1; delete from odd where id = 75;
        copy p from stdin (delimiter ',');
9001,2024-01-05,copied
9002,2024-02-05,copied
9003,2030-01-01,copied
\.
        update bag set a = 3 where a = 1 and ctid = (select min(ctid) from bag1);
        update bag set a = 1 where a is null; insert into bag values (1, '[]'), (9, null);
    )sql");
}

TEST_P(Captured, InheritanceParentsAndChildren) {
    LivePair pair(GetParam(), R"sql(
        create table parent (id int primary key, v text);
        create table child (more int, primary key (id)) inherits (parent);
        create table keyless_child (more int) inherits (parent);
        insert into parent select i, 'p' from generate_series(1, 5) i;
        insert into child select i, 'c', i from generate_series(3, 8) i;
        insert into keyless_child select i, 'k', i from generate_series(4, 6) i;
        insert into keyless_child select i, 'k', i from generate_series(4, 6) i;
    )sql");
    pair.source(R"sql(
        update parent set v = 'all' where id = 4;
        update only parent set v = 'only' where id = 5;
        update child set more = 50 where id = 5; update child set id = 80 where id = 8;
        delete from parent where id = 3; delete from only parent where id = 2;
        insert into child values (9, 'n', 1); insert into keyless_child values (4, 'k', 4);
    )sql");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
    pair.source("truncate only parent; insert into parent values (1, 'after');");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
    pair.source("truncate parent;");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

TEST_P(Captured, ForeignKeysThatActOnTheirOwn) {
    expect_carried(GetParam(), R"sql(
        create table a (id int primary key);
        create table b (id int primary key, a int references a on delete cascade on update cascade);
        create table c (id int primary key, b int references b on delete set null);
        create table d (id int primary key, up int references d on delete cascade, v int);
        create table e (id int primary key, f int);
        create table f (id int primary key, e int references e deferrable initially deferred);
        alter table e add foreign key (f) references f deferrable initially deferred;
        insert into a select generate_series(1, 10);
        insert into b select i, 1 + i % 10 from generate_series(1, 40) i;
        insert into c select i, 1 + i % 40 from generate_series(1, 80) i;
        insert into d select i, nullif(i / 2, 0) from generate_series(1, 30) i;
        begin; insert into e select i, 11 - i from generate_series(1, 10) i;
        insert into f select i, i from generate_series(1, 10) i; commit;
    )sql",
                   R"sql(
        delete from a where id <= 3; update a set id = id + 100 where id = 5;
        delete from d where id = 3; update d set up = null, v = 1 where id = 4;
        begin; delete from f where id = 1; update e set f = 2 where f = 1;
        insert into e values (50, 50); insert into f values (50, 50); commit;
        insert into a values (500); insert into b values (500, 500); insert into c values (500, 500);
    )sql");
}

TEST_P(Captured, TriggersOfTheApplicationDoNotFireAgain) {
    expect_carried(GetParam(), R"sql(
        create table t (id int primary key, v int);
        create table audit (id bigserial primary key, what text);
        insert into t values (1, 1), (2, 2), (3, 3);
        create function note() returns trigger language plpgsql as $$
            begin insert into public.audit (what) values (tg_name || ' ' || tg_op); return new; end $$;
        create function double() returns trigger language plpgsql as $$
            begin new.v := new.v * 2; return new; end $$;
        create function forbid() returns trigger language plpgsql as $$
            begin if current_database() like 'target%' then raise exception 'fired'; end if; return new; end $$;
        create trigger plain before insert or update on t for each row execute function double();
        create trigger always after insert or update or delete on t for each row execute function note();
        alter table t enable always trigger always;
        create trigger replica after insert on t for each statement execute function forbid();
        alter table t enable replica trigger replica;
        create trigger either before insert on t for each row execute function forbid();
        alter table t enable always trigger either;
        create rule keep as on delete to t where old.id = 2 do instead nothing;
    )sql",
                   R"sql(
        insert into t values (4, 4); update t set v = 5 where id = 1; delete from t where id in (2, 3);
    )sql");
}

TEST_P(Captured, RowsThatPoliciesHide) {
    LivePair pair(GetParam(), R"sql(
        create table t (id int primary key, v int); insert into t values (1, 1), (2, 2);
        create policy none on t using (false); alter table t enable row level security;
    )sql");
    pair.source(
        "insert into t values (3, 3); update t set v = 9 where id = 1; delete from t where id = "
        "2;");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

TEST_P(Captured, ChangesOfUnloggedTables) {
    expect_carried(GetParam(),
                   "create unlogged table t (id int primary key); insert into t values (1);",
                   "insert into t values (2); delete from t where id = 1;");
}

INSTANTIATE_TEST_SUITE_P(As, Captured, testing::Values(As::superuser, As::owner), as_name);

}  // namespace
}  // namespace pghaul::test
