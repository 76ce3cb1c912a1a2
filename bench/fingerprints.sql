-- One line per table of the database: name, rows, a hash of the rows that does not depend on their order.
--   psql -X -q -At -v ON_ERROR_STOP=1 -d DATABASE -f bench/fingerprints.sql
set timezone = 'UTC';
set search_path = '';
select pg_catalog.format(
    'select %1$L, pg_catalog.count(*), pg_catalog.sum((''x'' || pg_catalog.left(pg_catalog.md5(r::text), 16))::bit(64)::bigint) from only %1$s r',
    c.oid::pg_catalog.regclass)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pghaul')
order by c.oid::pg_catalog.regclass::text collate "C"
\gexec
