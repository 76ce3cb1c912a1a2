// Statements that look for what would go wrong before anything is touched.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::cmd {

/// $1 key. On the one server take, on the other look: advisory locks belong to a database, so only
/// the same database refuses.
inline constexpr io::Query kTakeMarker{"take_marker", R"sql(
    select pg_catalog.pg_try_advisory_lock($1::pg_catalog.int8)
)sql"};

/// One row that tells this database from every other.
inline constexpr io::Query kDatabaseIdentity{"database_identity", R"sql(
    select pg_catalog.current_database() || '/' || d.oid || '/'
           || coalesce((select s.system_identifier::pg_catalog.text
                          from pg_catalog.pg_control_system() as s
                         where pg_catalog.has_function_privilege(
                                   'pg_catalog.pg_control_system()', 'execute')), '')
      from pg_catalog.pg_database as d
     where d.datname = pg_catalog.current_database()
)sql"};

/// Rows: what stands in the database beside extensions and pghaul's own journal.
inline constexpr io::Query kUserObjects{"user_objects", R"sql(
    select 'table or view ' || n.nspname || '.' || c.relname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
       and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pghaul')
       and n.nspname !~ '^pg_(temp|toast_temp)_'
       and not exists (
           select 1
             from pg_catalog.pg_depend as d
            where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
              and d.objid = c.oid
              and d.deptype = 'e')
     union all
    select 'function ' || n.nspname || '.' || p.proname
      from pg_catalog.pg_proc as p
      join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
     where n.nspname not in ('pg_catalog', 'information_schema', 'pghaul')
       and not exists (
           select 1
             from pg_catalog.pg_depend as d
            where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
              and d.objid = p.oid
              and d.deptype = 'e')
     union all
    select 'schema ' || n.nspname
      from pg_catalog.pg_namespace as n
     where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pghaul', 'public')
       and n.nspname !~ '^pg_(temp|toast_temp)_'
       and not exists (
           select 1
             from pg_catalog.pg_depend as d
            where d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
              and d.objid = n.oid
              and d.deptype = 'e')
     union all
    select 'large object ' || m.oid
      from pg_catalog.pg_largeobject_metadata as m
     limit 11
)sql"};

/// $1 schemas, $2 names. Rows: which of these relations exist.
inline constexpr io::Query kExisting{"existing_relations", R"sql(
    select 'table or view ' || n.nspname || '.' || c.relname
      from unnest($1::pg_catalog.text[], $2::pg_catalog.text[]) as u(schema, name)
      join pg_catalog.pg_namespace as n on n.nspname = u.schema
      join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = u.name
     limit 11
)sql"};

/// Rows: schema and name of the chosen relations. $1 oids.
inline constexpr io::Query kNamesOf{"names_of", R"sql(
    select n.nspname, c.relname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.oid = any($1::pg_catalog.oid[])
)sql"};

/// Rows: roles that own something in this database or hold a right on it.
inline constexpr io::Query kRolesUsed{"roles_used", R"sql(
    select distinct r.rolname
      from pg_catalog.pg_shdepend as d
      join pg_catalog.pg_roles as r on r.oid = d.refobjid
     where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
       and d.deptype in ('o', 'a')
       and d.dbid = (select oid
                       from pg_catalog.pg_database
                      where datname = pg_catalog.current_database())
     union
    select distinct r.rolname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      join pg_catalog.pg_roles as r on r.oid = c.relowner
     where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pghaul')
       and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
     order by 1
)sql"};

/// $1 names. Rows: those that are no role here.
inline constexpr io::Query kMissingRoles{"missing_roles", R"sql(
    select u.name
      from unnest($1::pg_catalog.text[]) as u(name)
     where not exists (select 1 from pg_catalog.pg_roles as r where r.rolname = u.name)
)sql"};

inline constexpr io::Query kExtensionsUsed{"extensions_used", R"sql(
    select extname from pg_catalog.pg_extension where extname <> 'plpgsql' order by 1
)sql"};

/// $1 names. Rows: those that can't be created here.
inline constexpr io::Query kMissingExtensions{"missing_extensions", R"sql(
    select u.name
      from unnest($1::pg_catalog.text[]) as u(name)
     where not exists (
           select 1 from pg_catalog.pg_available_extensions as e where e.name = u.name)
)sql"};

inline constexpr io::Query kTablespacesUsed{"tablespaces_used", R"sql(
    select distinct t.spcname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_tablespace as t on t.oid = c.reltablespace
     where t.spcname not in ('pg_default', 'pg_global')
     order by 1
)sql"};

/// $1 names. Rows: those that are no tablespace here.
inline constexpr io::Query kMissingTablespaces{"missing_tablespaces", R"sql(
    select u.name
      from unnest($1::pg_catalog.text[]) as u(name)
     where not exists (select 1 from pg_catalog.pg_tablespace as t where t.spcname = u.name)
)sql"};

/// One row of settings that decide speed and room.
inline constexpr io::Query kTargetFacts{"target_facts", R"sql(
    select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create'),
           pg_catalog.current_setting('wal_level'),
           pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')),
           pg_catalog.current_setting('max_connections')::pg_catalog.int8
             - (select pg_catalog.count(*) from pg_catalog.pg_stat_activity
                 where backend_type = 'client backend'),
           pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')),
           pg_catalog.pg_size_bytes(pg_catalog.current_setting('effective_cache_size')),
           current_user
)sql"};

inline constexpr io::Query kCollation{"collation", R"sql(
    select datcollate from pg_catalog.pg_database where datname = pg_catalog.current_database()
)sql"};

inline constexpr std::array kHazardQueries = {
    kTakeMarker,     kDatabaseIdentity,  kUserObjects,     kExisting,           kNamesOf,
    kRolesUsed,      kMissingRoles,      kExtensionsUsed,  kMissingExtensions,  kTablespacesUsed,
    kMissingTablespaces, kTargetFacts,   kCollation,
};

}  // namespace pghaul::cmd
