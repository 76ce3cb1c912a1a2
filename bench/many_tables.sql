-- Test data: many small tables, ten rows and a key each.
--   psql -X -q -v ON_ERROR_STOP=1 -v tables=5000 -d DATABASE -f bench/many_tables.sql
set client_min_messages = warning;
set synchronous_commit = off;
create schema many;

-- In steps of a hundred: one transaction for all would need a lock for each.
select format($sql$
    do $do$
    begin
        for n in %1$s .. %2$s loop
            execute format(
                'create table many.table_%%s (id integer primary key, name text, value numeric)', n);
            execute format(
                'insert into many.table_%%1$s select i, ''row '' || i, %%1$s / 7.0 '
                'from generate_series(1, 10) i', n);
        end loop;
    end
    $do$
    $sql$, low, least(low + 99, :tables))
from generate_series(1, :tables, 100) low
\gexec

vacuum (freeze, analyze);
