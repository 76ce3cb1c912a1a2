-- Test data: two tables of nothing but bytea that does not compress, 2 to 200 kB and some of 1 to 5 MB.
--   psql -X -q -v ON_ERROR_STOP=1 -v scale=1 -d DATABASE -f bench/wide_bytea.sql
-- Scale 1 is about 1 GB. The same scale, the same rows.
set client_min_messages = warning;
set synchronous_commit = off;
select greatest(100, (:scale * 12000)::bigint) as rows
\gset

create schema wide;
create function wide.hash(n bigint, seed bigint) returns bigint
language sql immutable parallel safe
as $$ select pg_catalog.hashint8extended(n, seed) & 9223372036854775807 $$;
-- 64 bytes a piece.
create function wide.bytes(n bigint, pieces bigint) returns bytea
language sql immutable
as $$ select string_agg(sha512(int8send(n << 20 | piece)), '' order by piece)
      from generate_series(1, pieces) piece $$;

create table wide.pictures (id integer not null, content bytea not null);
create table wide.scans (id integer not null, content bytea not null);

-- Every two hundredth one is large; the square makes small ones the more frequent among the others.
create function wide.pieces(n bigint) returns bigint
language sql immutable
as $$ select case when n % 200 = 7 then 16384 + wide.hash(n, 1) % 65536
                  else 32 + ((wide.hash(n, 2) % 1000)::float8 ^ 2 / 1e6 * 3093)::bigint end $$;
insert into wide.pictures
select i, wide.bytes(i, wide.pieces(i)) from generate_series(1, :rows / 2) i;
insert into wide.scans
select i, wide.bytes(i, wide.pieces(i)) from generate_series(:rows / 2 + 1, :rows) i;
alter table wide.pictures add primary key (id);
alter table wide.scans add primary key (id);

vacuum (freeze, analyze);
