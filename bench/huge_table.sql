-- Test data: one table with a primary key, two secondary indexes and columns of many types.
--   psql -X -q -v ON_ERROR_STOP=1 -v scale=1 -d DATABASE -f bench/huge_table.sql
-- Scale 1 is about 1.2 GB without indexes. The same scale, the same rows.
\encoding UTF8
set client_min_messages = warning;
set timezone = 'UTC';
set synchronous_commit = off;
set maintenance_work_mem = '256MB';
select greatest(1000, (:scale * 6000000)::bigint) as rows
\gset

create schema huge;
create function huge.hash(n bigint, seed bigint) returns bigint
language sql immutable parallel safe
as $$ select pg_catalog.hashint8extended(n, seed) & 9223372036854775807 $$;

create table huge.orders (
    id bigint not null,
    customer integer not null,
    amount numeric(12, 2) not null,
    weight double precision,
    state smallint not null,
    gift boolean not null,
    placed timestamptz not null,
    shipped date,
    token uuid not null,
    code varchar(20) not null,
    note text,
    details jsonb
);
insert into huge.orders
select
    i,
    1 + huge.hash(i, 1) % 400000,
    huge.hash(i, 2) % 10000000 / 100.0,
    case when i % 7 > 0 then huge.hash(i, 3) / 1e15 end,
    huge.hash(i, 4) % 9,
    i % 13 = 0,
    timestamptz '2015-01-01' + i * interval '29.7654 seconds',
    case when i % 3 > 0 then date '2015-01-01' + (huge.hash(i, 5) % 3650)::integer end,
    md5(i::text)::uuid,
    'A-' || huge.hash(i, 6) % 100000000,
    case i % 5 when 0 then null when 1 then '' else 'left at the neighbour''s, bell ' || huge.hash(i, 7) % 1000 end,
    case when i % 4 = 0 then jsonb_build_object('lines', huge.hash(i, 8) % 20, 'by', 'clerk ' || i % 500) end
from generate_series(1, :rows::bigint) i;
alter table huge.orders add primary key (id);
create index on huge.orders (customer);
create index on huge.orders (placed, state);

vacuum (freeze, analyze);
