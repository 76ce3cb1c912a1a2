// Statements about what pghaul has made on the source. $1 is always the name prefix
// "pghaul/<job>/".
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::delta {

/// Rows: schema that holds the job's state table, if there is one.
inline constexpr io::Query kFindSite{"find_site", R"sql(
    select n.nspname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.relname = $1::pg_catalog.text || 'state'
       and c.relkind = 'r'
)sql"};

/// One row: may we make a schema, does schema pghaul exist, may we create in it, database, role.
/// $1 is not used but keeps the form.
inline constexpr io::Query kMayCreate{"may_create", R"sql(
    select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create'),
           pg_catalog.to_regnamespace('pghaul') is not null,
           coalesce(pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace('pghaul'), 'create'),
                    false),
           pg_catalog.current_database(),
           current_user
     where $1::pg_catalog.text is not null
)sql"};

/// $1 relations as oid[]. Rows: schemas of these in which we may create, most tables first.
inline constexpr io::Query kSchemasToUse{"schemas_to_use", R"sql(
    select n.nspname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.oid = any($1::pg_catalog.oid[])
       and pg_catalog.has_schema_privilege(n.oid, 'create')
       and pg_catalog.has_schema_privilege(n.oid, 'usage')
     group by n.nspname
     order by pg_catalog.count(*) desc, n.nspname
)sql"};

/// $2 tables as oid[]. Rows: table's oid, how many of our capture triggers it has, how many of them
/// always fire, what its delta table says it was made for.
inline constexpr io::Query kListCaptured{"list_captured", R"sql(
    select t.tgrelid::pg_catalog.int8,
           pg_catalog.count(*),
           pg_catalog.count(*) filter (where t.tgenabled = 'A'),
           (select pg_catalog.obj_description(c.oid, 'pg_class')
              from pg_catalog.pg_class as c
             where c.relname = ($1 || t.tgrelid::pg_catalog.text)::pg_catalog.name
               and c.relkind = 'r'
             limit 1)
      from pg_catalog.pg_trigger as t
     where t.tgrelid = any($2::pg_catalog.oid[])
       and pg_catalog."left"(t.tgname::pg_catalog.text, pg_catalog.length($1::pg_catalog.text)) = $1
       and t.tgname::pg_catalog.text <> $1 || 'fence'
       and t.tgname::pg_catalog.text <> $1 || 'fence row'
       and not t.tgisinternal
     group by t.tgrelid
)sql"};

/// Rows: table, qualified and quoted; trigger's name. Fence included.
inline constexpr io::Query kListOurTriggers{"list_our_triggers", R"sql(
    select pg_catalog.format('%I.%I', n.nspname, c.relname), t.tgname
      from pg_catalog.pg_trigger as t
      join pg_catalog.pg_class as c on c.oid = t.tgrelid
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where pg_catalog."left"(t.tgname::pg_catalog.text, pg_catalog.length($1::pg_catalog.text)) = $1
       and not t.tgisinternal
     order by t.tgrelid, t.tgname
)sql"};

/// Rows: DROP statements for the job's functions and tables.
inline constexpr io::Query kListOurObjects{"list_our_objects", R"sql(
    select pg_catalog.format('drop function if exists %I.%I()', n.nspname, p.proname)
      from pg_catalog.pg_proc as p
      join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
     where pg_catalog."left"(p.proname::pg_catalog.text, pg_catalog.length($1::pg_catalog.text)) = $1
     union all
    select pg_catalog.format('drop table if exists %I.%I', n.nspname, c.relname)
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where pg_catalog."left"(c.relname::pg_catalog.text, pg_catalog.length($1::pg_catalog.text)) = $1
       and c.relkind = 'r'
)sql"};

/// Rows: names of the jobs that have anything here.
inline constexpr io::Query kListJobsOnSource{"list_jobs_on_source", R"sql(
    select distinct pg_catalog.split_part(x.name, '/', 2)
      from (select c.relname::pg_catalog.text as name from pg_catalog.pg_class as c
             union all
            select p.proname::pg_catalog.text from pg_catalog.pg_proc as p
             union all
            select t.tgname::pg_catalog.text from pg_catalog.pg_trigger as t) as x
     where x.name like 'pghaul/%/%'
     order by 1
)sql"};

/// $1 relations as oid[]. Rows: gid, owner, table of every prepared transaction that holds a lock
/// against writers' on one of them: it would block for as long as nobody ends it. What ties its
/// locks together is the number of the session that prepared it, which is gone.
inline constexpr io::Query kPreparedBlockers{"prepared_blockers", R"sql(
    select distinct p.gid, p.owner, l.relation::pg_catalog.regclass::pg_catalog.text
      from pg_catalog.pg_locks as l
      join pg_catalog.pg_locks as x
        on x.pid is null
       and x.locktype = 'transactionid'
       and x.virtualtransaction = l.virtualtransaction
      join pg_catalog.pg_prepared_xacts as p on p.transaction = x.transactionid
     where l.pid is null
       and l.relation = any($1::pg_catalog.oid[])
       and l.mode not in ('AccessShareLock', 'RowShareLock')
       and p.database = pg_catalog.current_database()
     order by 1
)sql"};

inline constexpr std::array kCaptureQueries = {
    kFindSite,        kMayCreate,      kSchemasToUse,     kListCaptured,
    kListOurTriggers, kListOurObjects, kListJobsOnSource, kPreparedBlockers,
};

}  // namespace pghaul::delta
