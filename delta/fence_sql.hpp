// Statements about locks on the source and about the fence's triggers and function.
// Lines ending in "-- since N" are left out on servers older than N.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::delta {

/// $1 lock_timeout, $2 statement_timeout, both for the rest of the transaction.
inline constexpr io::Query kBoundWaits{"bound_waits", R"sql(
    select pg_catalog.set_config('lock_timeout', $1, true),
           pg_catalog.set_config('statement_timeout', $2, true)
)sql"};

/// One row: lock_timeout, statement_timeout, and deadlock_timeout in milliseconds.
inline constexpr io::Query kReadWaits{"read_waits", R"sql(
    select pg_catalog.current_setting('lock_timeout'),
           pg_catalog.current_setting('statement_timeout'),
           s.setting::pg_catalog.int8
      from pg_catalog.pg_settings as s
     where s.name = 'deadlock_timeout'
)sql"};

/// $1 tables as oid[], $2 whether readers count, $3 least age in milliseconds of transactions that
/// do. Rows: table's oid, schema, name, pid (null: prepared), name of the prepared transaction,
/// user, seconds, state, query; holders before those who wait in line, the oldest first. What the
/// role may not see of other sessions is null.
inline constexpr io::Query kBlockers{"blockers", R"sql(
    select l.relation::pg_catalog.int8,
           n.nspname,
           c.relname,
           l.pid,
           p.gid,
           coalesce(a.usename, p.owner),
           pg_catalog.floor(extract(epoch from
               pg_catalog.clock_timestamp() - coalesce(a.xact_start, p.prepared)))
               ::pg_catalog.int8,
           a.state,
           pg_catalog."left"(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 80)
      from (
           select s.relation,
                  s.pid,
                  s.virtualtransaction,
                  pg_catalog.bool_or(s.granted) as granted
             from pg_catalog.pg_locks as s
             join pg_catalog.pg_database as d on d.oid = s.database
            where s.locktype = 'relation'
              and d.datname = pg_catalog.current_database()
              and s.relation = any($1::pg_catalog.oid[])
              and s.pid is distinct from pg_catalog.pg_backend_pid()
              and ($2::pg_catalog.bool or s.mode not in ('AccessShareLock', 'RowShareLock'))
            group by s.relation, s.pid, s.virtualtransaction
           ) as l
      join pg_catalog.pg_class as c on c.oid = l.relation
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
      left join pg_catalog.pg_locks as x
        on l.pid is null
       and x.pid is null
       and x.locktype = 'transactionid'
       and x.virtualtransaction = l.virtualtransaction
      left join pg_catalog.pg_prepared_xacts as p on p.transaction = x.transactionid
     where coalesce(a.xact_start, p.prepared) is null
        or coalesce(a.xact_start, p.prepared)
           <= pg_catalog.clock_timestamp() - $3::pg_catalog.int8 * interval '1 millisecond'
     order by l.granted desc, coalesce(a.xact_start, p.prepared), l.pid, l.relation
)sql"};

/// $1 trigger names as text[]. Rows: table's oid, its schema and name, trigger's name.
inline constexpr io::Query kListFenceTriggers{"list_fence_triggers", R"sql(
    select c.oid::pg_catalog.int8, n.nspname, c.relname, t.tgname
      from pg_catalog.pg_trigger as t
      join pg_catalog.pg_class as c on c.oid = t.tgrelid
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where t.tgname = any($1::pg_catalog.text[]::pg_catalog.name[])
     order by n.nspname, c.relname, t.tgname
)sql"};

/// $1 the function's name. Rows: schema of each such trigger function.
inline constexpr io::Query kListFenceFunctions{"list_fence_functions", R"sql(
    select n.nspname
      from pg_catalog.pg_proc as p
      join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
     where p.proname = $1::pg_catalog.text::pg_catalog.name
       and p.pronargs = 0
       and p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
     order by n.nspname
)sql"};

inline constexpr std::array kFenceQueries = {kBoundWaits, kReadWaits, kBlockers, kListFenceTriggers,
                                             kListFenceFunctions};

}  // namespace pghaul::delta
