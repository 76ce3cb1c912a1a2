// Statements that list and choose relations of the source.
#pragma once

#include "io/sql.hpp"

namespace pghaul::snapshot {

/// Rows: relation oid, its schema's oid, the table that owns it (sequences) or null.
/// Extension members stay with their extension, unless it declares them as configuration.
inline constexpr io::Query kListRelations{"list_relations", R"sql(
    select c.oid::pg_catalog.int8,
           c.relnamespace::pg_catalog.int8,
           (select d.refobjid::pg_catalog.int8
              from pg_catalog.pg_depend as d
             where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
               and d.objid = c.oid
               and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
               and d.deptype in ('a', 'i')
               and c.relkind = 'S'
             limit 1)
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
       and c.relpersistence <> 't'
       and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pghaul')
       and n.nspname !~ '^pg_(temp|toast_temp)_'
       and c.relname !~ '^pghaul/'
       and (not exists (
               select 1
                 from pg_catalog.pg_depend as d
                where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                  and d.objid = c.oid
                  and d.deptype = 'e')
            or exists (
               select 1
                 from pg_catalog.pg_extension as e
                where c.oid = any(e.extconfig)))
     order by c.oid
)sql"};

/// $1 schema regex or empty, $2 name regex. Rows: oid.
inline constexpr io::Query kMatchTables{"match_tables", R"sql(
    select c.oid::pg_catalog.int8
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
       and c.relname operator(pg_catalog.~) $2::pg_catalog.text
       and case when $1::pg_catalog.text = '' then pg_catalog.pg_table_is_visible(c.oid)
                else n.nspname operator(pg_catalog.~) $1::pg_catalog.text
           end
       and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pghaul')
       and c.relname !~ '^pghaul/'
)sql"};

/// $1 name regex. Rows: oid.
inline constexpr io::Query kMatchSchemas{"match_schemas", R"sql(
    select n.oid::pg_catalog.int8
      from pg_catalog.pg_namespace as n
     where n.nspname operator(pg_catalog.~) $1::pg_catalog.text
       and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pghaul')
)sql"};

}  // namespace pghaul::snapshot
