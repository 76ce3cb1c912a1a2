// Statements about what could fire on the target while changes are applied.
// Lines ending in "-- since N" are left out on servers older than N.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::delta {

/// $1 schemas, $2 names of tables. Rows: schema, table, true for a rule, name, state (O, D, R, A).
/// Triggers that a partition has from its partitioned table are internal before 15, like those of
/// constraints: the latter are told by their constraint.
inline constexpr io::Query kListUserTriggers{"list_user_triggers", R"sql(
    with chosen as (
        select c.oid, w.schema, w.name
          from (select unnest($1::pg_catalog.text[]) as schema,
                       unnest($2::pg_catalog.text[]) as name) as w
          join pg_catalog.pg_namespace as n on n.nspname = w.schema
          join pg_catalog.pg_class as c
            on c.relnamespace = n.oid
           and c.relname = w.name
           and c.relkind = 'r'
    )
    select x.schema, x.name, false, t.tgname, t.tgenabled
      from chosen as x
      join pg_catalog.pg_trigger as t on t.tgrelid = x.oid
      left join pg_catalog.pg_constraint as con on con.oid = t.tgconstraint
     where con.contype is null
        or con.contype = 't'
     union all
    select x.schema, x.name, true, r.rulename, r.ev_enabled
      from chosen as x
      join pg_catalog.pg_rewrite as r on r.ev_class = x.oid
     order by 1, 2, 3, 4
)sql"};

/// $1 schemas, $2 names of tables. Rows: name, schema and table of every foreign key that starts
/// from or leads to one of the tables or to a partitioned table above it, without those that
/// another key implies.
inline constexpr io::Query kListForeignKeysAround{"list_foreign_keys_around", R"sql(
    with recursive around as (
        select c.oid, c.relispartition
          from (select unnest($1::pg_catalog.text[]) as schema,
                       unnest($2::pg_catalog.text[]) as name) as w
          join pg_catalog.pg_namespace as n on n.nspname = w.schema
          join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = w.name
         union
        select p.oid, p.relispartition
          from around as a
          join pg_catalog.pg_inherits as h on h.inhrelid = a.oid
          join pg_catalog.pg_class as p on p.oid = h.inhparent
         where a.relispartition
    )
    select con.conname, n.nspname, c.relname
      from pg_catalog.pg_constraint as con
      join pg_catalog.pg_class as c on c.oid = con.conrelid
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where con.contype = 'f'
       and con.conparentid = 0                                                     -- since 11
       and (con.conrelid in (select oid from around) or con.confrelid in (select oid from around))
     order by n.nspname, c.relname, con.conname
)sql"};

inline constexpr std::array kGuardQueries = {kListUserTriggers, kListForeignKeysAround};

}  // namespace pghaul::delta
