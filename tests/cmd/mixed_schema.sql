-- What a whole run must carry: every kind of object and every odd name, few rows. Needs the roles
-- "Odd ""Owner" and reader on both servers. Read by mixed_schema_test.cpp.

create extension hstore;
create extension citext;
create extension btree_gist;

-- Odd names everywhere.

create schema "Mixed.Case ""x""
Ünï";
create schema "select";
create sequence "Mixed.Case ""x""
Ünï"."seq ""dotted.name" increment by -3 minvalue -10 maxvalue 10 start 4 cycle;
create table "Mixed.Case ""x""
Ünï"."Table .""with"" everything
in its näme" (
    "select" bigint not null,
    "Col.um""n
x" text default nextval('"Mixed.Case ""x""
Ünï"."seq ""dotted.name"')::text,
    "naïve 列" text,
    " leading space" int,
    constraint "PK "".odd
name" primary key ("select", " leading space"),
    constraint "Check 'it'" check ("select" > -100)
);
insert into "Mixed.Case ""x""
Ünï"."Table .""with"" everything
in its näme" ("select", "naïve 列", " leading space")
    select i, E'line\nbreak "q" \\ ' || i, -i from generate_series(1, 50) i;
create index "Idx "".of
all" on "Mixed.Case ""x""
Ünï"."Table .""with"" everything
in its näme" ("naïve 列", "Col.um""n
x");
create table "select"."table" ("from" int primary key, "where" text, "user" int);
insert into "select"."table" values (1, 'x', 2), (2, null, null);
create table abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij123 (
    abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij456 int,
    constraint abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij789
        primary key (abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij456)
);
insert into abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij123 values (1), (2);
create table "%s %d; drop table x; --" (id int primary key, "$1" text, "a,b" text, "{}" text);
insert into "%s %d; drop table x; --" values (1, E'\\N', '{"a":"b"}', E'\t\r\n\\.');

-- Types.

create type mood as enum ('sad', 'o''k', 'very "happy"');
create type pair_of as (a int, "B b" text);
create domain positive as int check (value > 0);
create domain small_positive as positive check (value < 1000);
create table typed (
    id int generated always as identity primary key,
    m mood, moods mood[], p pair_of, ps pair_of[], sp small_positive not null default 7,
    h hstore, c citext, r int4range, mr int4multirange, ts tsvector, j jsonb, x xml, b bytea,
    n numeric, d date, iv interval, addr inet, mac macaddr, bits bit varying(9), pt point,
    u uuid, ch char(5), vc varchar(9), "C" "char", arr int[][], t timetz, f float8
);
insert into typed (m, moods, p, ps, h, c, r, mr, ts, j, x, b, n, d, iv, addr, mac, bits, pt, u, ch,
                   vc, "C", arr, t, f)
values ('sad', '{sad,"o''k"}', '(1,"x,""y")', array[row(1, 'a')::pair_of, null], 'a=>1,"b c"=>null',
        'MiXeD', '[1,5)', '{[1,2),[5,9)}', 'a fat cat', '{"a": [1, null, "é"]}', '<a>b</a>',
        '\x00ff', 'NaN', '-infinity', '1 mon -2 days', '::1/64', '08:00:2b:01:02:03', '101', '(1,2)',
        'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'ab', 'cd', 'z', '[0:1][2:3]={{1,2},{3,null}}',
        '12:00+05:30', '-0'),
       (null, null, null, null, null, null, null, null, null, null, null, null, 1e-300, null, null,
        null, null, null, null, null, null, null, null, null, null, 'infinity');
create table by_citext (k citext primary key, v text);
insert into by_citext values ('Alpha', 'a'), ('beta', 'b'), ('GAMMA "x"', 'c');

-- Tables without much.

create table keyless (a int, b text);
insert into keyless select i % 3, 'r' from generate_series(1, 30) i;
insert into keyless select * from keyless;
create table no_columns ();
insert into no_columns default values;
insert into no_columns default values;
create table empty_table (id serial primary key, t text);
create table only_generated (g int generated always as (42) stored);
insert into only_generated default values;
insert into only_generated default values;
create unlogged table fast (id int primary key, t text);
insert into fast values (1, 'unlogged');
create table dropped_column (a int, b int, id bigint primary key, c text);
alter table dropped_column drop column b;
insert into dropped_column values (1, 2, 'x');
alter table dropped_column add column late int default 5;

-- Generated, identity, constraints and indexes of all kinds.

create table made (
    id bigint generated always as identity (start with 100 increment by 10),
    net numeric(10, 2) not null,
    gross numeric generated always as (net * 1.19) stored,
    label text,
    during tsrange,
    room int,
    constraint made_pk primary key (id) include (label),
    constraint "uniq deferred" unique (net) deferrable initially deferred,
    constraint made_nulls unique nulls not distinct (label, room),
    constraint no_overlap exclude using gist (room with =, during with &&) where (room > 0),
    constraint late_overlap exclude using gist (during with &&) where (room < 0) deferrable
);
insert into made (net, label, during, room)
    select i, 'label ' || i, tsrange(timestamp '2020-01-01' + i * interval '1 hour',
                                     timestamp '2020-01-01' + (i + 1) * interval '1 hour'), i % 4
      from generate_series(1, 40) i;
create index made_partial on made (label) where room = 1;
create index made_expression on made (lower(label), (net * 2)) include (room);
alter index made_expression alter column 2 set statistics 321;
create index made_hash on made using hash (label);
create index made_gin on made using gin (to_tsvector('english', label)) with (fastupdate = off);
create index made_brin on made using brin (id) with (pages_per_range = 4);
create unique index made_lower on made (lower(label) collate "C" text_pattern_ops desc nulls last);
alter table made cluster on made_nulls;
alter table made alter column label set storage external, alter column label set statistics 50;
create table identified (a int not null, b int, other text);
create unique index identified_by on identified (a);
alter table identified replica identity using index identified_by;
insert into identified values (1, 2, 'x'), (2, null, 'y');
create table full_identity (a int);
alter table full_identity replica identity full;
insert into full_identity values (1), (1);
create statistics "Stats .x" (dependencies, ndistinct, mcv) on a, b from identified;
alter statistics "Stats .x" set statistics 77;
create statistics expressions on (a + b), lower(other) from identified;

-- Partitions: two levels, default, attached index, keys to and from.

create table sales (id int, region text, day date, amount numeric,
                    constraint sales_pk primary key (id, region, day))
    partition by list (region);
create table sales_eu partition of sales for values in ('de', 'fr') partition by range (day);
create table sales_eu_old partition of sales_eu for values from (minvalue) to ('2020-01-01');
create table sales_eu_new partition of sales_eu for values from ('2020-01-01') to (maxvalue);
create table sales_us partition of sales for values in ('us');
create table "sales, others" partition of sales default;
create table late_part (amount numeric, day date not null, region text not null, id int not null,
                        constraint late_pk primary key (id, region, day));
alter table sales attach partition late_part for values in ('jp');
create index sales_day on sales (day);
create index only_on_parent on only sales (amount);
create index us_amount on sales_us (amount);
alter index only_on_parent attach partition us_amount;
insert into sales
    select i, (array['de', 'fr', 'us', 'xx', 'jp'])[1 + i % 5], date '2019-12-01' + i, i
      from generate_series(1, 100) i;
create table refund (id int primary key, sale int, region text, day date,
                     constraint refund_of foreign key (sale, region, day) references sales);
insert into refund select id, id, region, day from sales where id < 20;
create table hashed (k text primary key, owner int references refund (id)) partition by hash (k);
create table hashed_0 partition of hashed for values with (modulus 2, remainder 0);
create table hashed_1 partition of hashed for values with (modulus 2, remainder 1);
insert into hashed select 'k' || i, 1 from generate_series(1, 20) i;

-- Inheritance: every level has its own rows.

create table grandparent (id int primary key, a text);
create table parent (b text) inherits (grandparent);
create table child (c int, primary key (id)) inherits (parent);
create table other_parent (z int default 3);
create table two_parents () inherits (parent, other_parent);
insert into grandparent values (1, 'g');
insert into parent values (1, 'p', 'b'), (2, 'p2', 'b2');
insert into child values (1, 'c', 'b', 9);
insert into two_parents values (8, 'a', 'b', 4);

-- Foreign keys: cycle, self, not valid, actions.

create table hen (id int primary key, egg int);
create table egg (id int primary key, hen int not null references hen deferrable initially deferred);
alter table hen add constraint "hen's .egg" foreign key (egg) references egg (id)
    on delete set null (egg) on update cascade;
insert into hen values (1, null), (2, null);
insert into egg values (10, 1), (20, 2);
update hen set egg = id * 10;
create table tree (id int primary key, up int references tree match full);
insert into tree select i, nullif(i / 2, 0) from generate_series(1, 60) i;
create table doubtful (id int primary key, hen int, n int);
insert into doubtful values (1, 999, -5);
alter table doubtful add constraint doubtful_hen foreign key (hen) references hen not valid;
alter table doubtful add constraint doubtful_n check (n > 0) not valid;

-- Code: triggers that would change or refuse the rows if they fired.

create function refuse() returns trigger language plpgsql as $$ begin raise 'fired'; end $$;
create function nothing() returns trigger language plpgsql as $$ begin return null; end $$;
create trigger "Trig ""er" before insert on identified for each row when (new.a < 0)
    execute function refuse();
create trigger disabled_one before insert on keyless for each row execute function nothing();
alter table keyless disable trigger disabled_one;
create trigger always_one before insert or update of t on fast for each row execute function refuse();
alter table fast enable always trigger always_one;
create trigger replica_one after delete on fast referencing old table as gone
    for each statement execute function nothing();
alter table fast enable replica trigger replica_one;
create constraint trigger late_one after insert on typed deferrable initially deferred
    for each row execute function refuse();
create rule "swallow .rule" as on insert to full_identity do instead nothing;
create rule switched_off as on delete to full_identity do also select 1;
alter table full_identity disable rule switched_off;
create function note_ddl() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger "on .ddl" on ddl_command_end when tag in ('CREATE TABLE')
    execute function note_ddl();
create policy "see .own" on identified for select to reader using (a > 1);
alter table identified enable row level security;
create publication "pub .all" for table made, "select"."table" where ("from" > 0)
    with (publish = 'insert, update');
create aggregate total(int) (sfunc = int4pl, stype = int, initcond = 0);
create function plus_mood(mood, mood) returns mood language sql as 'select $1';
create operator + (leftarg = mood, rightarg = mood, function = plus_mood);
create cast (text as mood) with inout;
create collation "coll .x" from "C";
create text search configuration "search .x" (copy = english);

-- Views.

create view plain_view as select id, label from made where room = 1 with check option;
create materialized view "z first" as select count(*) as n from sales;
create view between_views as select n + 1 as n from "z first";
create materialized view "a second" as select n * 2 as n from between_views;
create unique index "second .idx" on "a second" (n);
create materialized view unfilled as select 1 / 0 as never with no data;

-- Sequences in every state.

create sequence never_called start 17;
create sequence was_set;
select setval('was_set', 5, false);
create sequence called as smallint increment by 5;
select nextval('called'), nextval('called');
create sequence cycled maxvalue 3 cycle;
select nextval('cycled'), nextval('cycled'), nextval('cycled'), nextval('cycled');
create sequence at_the_end as bigint;
select setval('at_the_end', 9223372036854775807);

-- Large objects.

select lo_from_bytea(70001, '\xdeadbeef00');
select lo_from_bytea(70002, convert_to(repeat('large', 300000), 'UTF8'));
select lo_create(70003);
comment on large object 70001 is 'it''s "large"';
alter large object 70001 owner to "Odd ""Owner";
grant select on large object 70002 to reader;
revoke all on large object 70003 from postgres;

-- Comments, owners, rights.

comment on schema "select" is 'reserved
word';
comment on table made is 'a table';
comment on column made.gross is 'with tax; -- not a comment';
comment on constraint made_pk on made is 'key';
comment on constraint no_overlap on made is 'exclusion';
comment on constraint "uniq deferred" on made is 'unique';
comment on constraint "hen's .egg" on hen is 'foreign key';
comment on constraint refund_of on refund is 'key to a partitioned table';
comment on constraint doubtful_hen on doubtful is 'not valid';
comment on index made_expression is 'index';
comment on index sales_day is 'index on the root';
comment on index us_amount is 'index of a leaf';
comment on trigger disabled_one on keyless is 'trigger';
comment on rule "swallow .rule" on full_identity is 'rule';
comment on policy "see .own" on identified is 'policy';
comment on statistics "Stats .x" is 'statistics';
comment on publication "pub .all" is 'publication';
comment on event trigger "on .ddl" is 'event trigger';
comment on materialized view "a second" is 'materialized view';
comment on sequence cycled is 'sequence';
comment on type mood is 'type';
comment on domain positive is 'domain';
comment on function nothing() is 'function';
alter schema "select" owner to "Odd ""Owner";
alter table made owner to "Odd ""Owner";
alter materialized view "a second" owner to "Odd ""Owner";
alter type mood owner to "Odd ""Owner";
grant usage on schema "select" to reader with grant option;
grant select (label, net), insert on made to reader;
grant select on "a second" to public;
grant select on between_views to "Odd ""Owner";
grant update on sequence cycled to reader;
revoke execute on function nothing() from public;
alter default privileges in schema "select" grant select on tables to reader;
