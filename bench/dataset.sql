-- Test data: five large tables of about equal bytes and one of everything else.
--   psql -X -q -v ON_ERROR_STOP=1 -v scale=1 -d DATABASE -f bench/dataset.sql
-- Scale 1 is about 3 GB without indexes; fractions such as 0.01 are allowed. Needs version 12 or later
-- and a UTF8 database. Every value comes from a hash of its row number: the same scale, the same rows.
\encoding UTF8
set client_min_messages = warning;
set timezone = 'UTC';
set synchronous_commit = off;
set maintenance_work_mem = '256MB';
select
    greatest(1000, (:scale * 100000)::bigint) as accounts,
    greatest(100, (:scale * 12000000)::bigint) as counters,
    greatest(100, (:scale * 8300000)::bigint) as payments,
    greatest(100, (:scale * 1400000)::bigint) as documents,
    greatest(20, (:scale * 8700)::bigint) as files,
    greatest(100, (:scale * 8200000)::bigint) as readings
\gset

create schema app;
create schema "Mixed Case";
create schema small;
comment on schema app is 'the five large tables and what they refer to';
create type app.state as enum ('new', 'paid', 'it''s late');

create function app.hash(n bigint, seed bigint) returns bigint
language sql immutable parallel safe
as $$ select pg_catalog.hashint8extended(n, seed) & 9223372036854775807 $$;

\echo accounts
create table app.accounts (
    id bigint generated always as identity primary key,
    email text not null unique,
    state app.state not null default 'new',
    tags text[] not null,
    balance numeric(12, 2) check (balance >= -1000),
    balance_eur numeric generated always as (balance * 0.9) stored,
    changes integer not null default 0
);
create function app.normalize_email() returns trigger
language plpgsql
as $$ begin new.email := pg_catalog.lower(new.email); return new; end $$;
create trigger normalize_email before insert or update on app.accounts
    for each row execute function app.normalize_email();
insert into app.accounts (email, state, tags, balance)
select
    'User' || i || '@Example.org',
    (enum_range(null::app.state))[1 + i % 3],
    case i % 4 when 0 then '{}' else array['tag ' || i % 7, 'a,"b"\c', null] end,
    case when i % 10 > 0 then app.hash(i, 1) % 1000000 / 100.0 end
from generate_series(1, :accounts::bigint) i;

\echo counters: narrow integers
create table app.counters (id bigint not null, a integer, b integer, c integer, d integer);
insert into app.counters
select i, i, app.hash(i, 2) % 1000000, nullif(i % 100, 0), app.hash(i, 3) % 1000
from generate_series(1, :counters::bigint) i;
alter table app.counters add primary key (id);
create index on app.counters (b);

\echo payments: numerics, dates, a foreign key
create table app.payments (
    id bigserial,
    account_id bigint not null,
    amount numeric(14, 2) not null,
    rate numeric,
    booked date not null,
    created timestamptz not null,
    note text
);
insert into app.payments (account_id, amount, rate, booked, created, note)
select
    1 + app.hash(i, 4) % :accounts,
    app.hash(i, 5) % 10000000 / 100.0,
    case when i % 5 > 0 then app.hash(i, 6) % 1000000000 / 1000000.0 end,
    date '2015-01-01' + (app.hash(i, 7) % 3650)::integer,
    timestamptz '2015-01-01' + i * interval '7.654321 seconds',
    case i % 50 when 0 then E'tab\there, line\nbreak' end
from generate_series(1, :payments::bigint) i;
alter table app.payments add primary key (id);
create index on app.payments (account_id);
create index on app.payments (booked, amount);
create index on app.payments (created);
alter table app.payments add foreign key (account_id) references app.accounts;

\echo documents: jsonb under a random uuid
create table app.documents (id uuid not null, owner bigint not null, body jsonb not null);
insert into app.documents
select
    md5('document ' || i)::uuid,
    1 + app.hash(i, 8) % :accounts,
    jsonb_build_object(
        'title', 'Document ' || i,
        'city', (array['Zürich', 'Kraków', '東京', 'Lima', 'Oslo'])[1 + app.hash(i, 9) % 5],
        'score', app.hash(i, 10) % 10000 / 100.0,
        'open', i % 3 = 0,
        'tags', jsonb_build_array('t' || app.hash(i, 11) % 100, 't' || app.hash(i, 12) % 100),
        'history', jsonb_build_array(
            jsonb_build_object('at', i, 'by', md5(i::text)),
            jsonb_build_object('at', i + 1, 'by', null)),
        'text', repeat(md5((i * 7)::text) || ' ', 1 + (app.hash(i, 13) % 6)::integer))
from generate_series(1, :documents::bigint) i;
alter table app.documents add primary key (id);
create index on app.documents (owner);
create index on app.documents ((body ->> 'city'));
create index on app.documents using gin ((body -> 'tags'));

\echo files: bytea that does not compress, 2 to 200 kB
create table app.files (id integer primary key, name text not null, content bytea not null);
insert into app.files
select
    i,
    'file ' || i,
    (
        -- 64 bytes a piece; the square makes small files the more frequent ones.
        select string_agg(sha512(int8send(i << 20 | piece)), '' order by piece)
        from generate_series(1, 32 + ((app.hash(i, 14) % 1000)::float8 ^ 2 / 1e6 * 3093)::integer) piece
    )
from generate_series(1, :files::bigint) i;

\echo readings: ten partitions
create table app.sensors (id integer generated by default as identity primary key, name text);
insert into app.sensors (name) select 'sensor ' || i from generate_series(1, 500) i;
create table app.readings (
    day date not null,
    id bigint not null,
    sensor_id integer not null,
    value double precision,
    quality real,
    label varchar(40)
) partition by range (day);
select format(
    'create table app.readings_%s partition of app.readings for values from (%L) to (%L)',
    n, date '2020-01-01' + 100 * n, date '2020-01-01' + 100 * (n + 1))
from generate_series(0, 9) n
\gexec
insert into app.readings
select
    date '2020-01-01' + (i * 1000 / (:readings + 1))::integer,
    i,
    1 + app.hash(i, 15) % 500,
    case i % 1000 when 0 then 'NaN' when 1 then '-Infinity' else app.hash(i, 16) / 1e15 end,
    app.hash(i, 17) % 100 / 3.0,
    'batch ' || app.hash(i, 18) % 5000
from generate_series(1, :readings::bigint) i;
alter table app.readings add primary key (day, id);
create index on app.readings (sensor_id, day);
alter table app.readings add foreign key (sensor_id) references app.sensors;

\echo names, views, small tables, large objects
create table "Mixed Case"."we""ird.näme" (
    "order" serial primary key,
    "Select" text,
    "näme""x" text[]
);
insert into "Mixed Case"."we""ird.näme" ("Select", "näme""x")
select nullif('row ' || i, 'row 7'), array['ä' || i, '', null, 'NULL', '\N']
from generate_series(1, 3000) i;
comment on table "Mixed Case"."we""ird.näme" is 'it''s quoted';
comment on column "Mixed Case"."we""ird.näme"."order" is 'a reserved word';
create index "index of ""Select""" on "Mixed Case"."we""ird.näme" ("Select") where "Select" <> '';

create view app.open_documents as
select id, body ->> 'title' as title from app.documents where body -> 'open' = 'true';
create materialized view app.balances as
select state, count(*) as accounts, sum(balance) as balance from app.accounts group by state;
create unique index on app.balances (state);

-- Every fourth one has no key, and some of its rows are there twice.
select format($sql$
    create table small.table_%1$s (id integer not null, name text, value numeric);
    insert into small.table_%1$s
    select case when %1$s %% 4 = 0 then i - i %% 10 / 9 else i end, 'row ' || i - i %% 10 / 9, %1$s
    from generate_series(1, %2$s) i;
    $sql$, n, 200 + n * 37 % 300)
    || case when n % 4 > 0 then format('alter table small.table_%s add primary key (id);', n) else '' end
from generate_series(1, 100) n
\gexec

do $$
begin
    for n in 30001 .. 30012 loop
        perform lo_from_bytea(n, decode(repeat(md5(n::text), 1 + n % 5 * 1000), 'hex'));
        execute format('comment on large object %s is %L', n, 'large object ''' || n || '''');
    end loop;
end
$$;

-- Leaves nothing to do for autovacuum, whose work would disturb measurements.
vacuum (freeze, analyze);
