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

/// Which server process answers, and for which database: the same for two sessions only if both
/// have reached the same server.
inline constexpr io::Query kServerProcess{"server_process", R"sql(
    select pg_catalog.current_database() || ', server started '
           || pg_catalog.pg_postmaster_start_time()::pg_catalog.text
)sql"};

/// $1 a compression method. Row: whether the server has it for large values.
inline constexpr io::Query kKnowsCompression{"knows_compression", R"sql(
    select exists (
        select 1
          from pg_catalog.pg_settings as s
         where s.name = 'default_toast_compression'
           and $1::pg_catalog.text = any(s.enumvals))
)sql"};

/// Rows: what stands in the database beside extensions and pghaul's own journal. Objects of initdb
/// have numbers below 16384.
inline constexpr io::Query kUserObjects{"user_objects", R"sql(
    with made (catalog, object) as (
        select c.tableoid, c.oid
          from pg_catalog.pg_class as c
         where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
           and c.relpersistence <> 't'
           and c.relnamespace is distinct from pg_catalog.to_regnamespace('pghaul')
         union all
        select t.tableoid, t.oid
          from pg_catalog.pg_type as t
         where t.typtype in ('b', 'd', 'e', 'r')
           and t.typcategory <> 'A'
           and t.typnamespace is distinct from pg_catalog.to_regnamespace('pghaul')
         union all
        select n.tableoid, n.oid
          from pg_catalog.pg_namespace as n
         where n.nspname not in ('pghaul', 'public')
           and n.nspname !~ '^pg_(temp|toast_temp)_'
         union all
        select 'pg_catalog.pg_largeobject'::pg_catalog.regclass, m.oid
          from pg_catalog.pg_largeobject_metadata as m
         union all
        select p.tableoid, p.oid from pg_catalog.pg_proc as p
         union all
        select o.tableoid, o.oid from pg_catalog.pg_operator as o
         union all
        select l.tableoid, l.oid from pg_catalog.pg_collation as l
         union all
        select v.tableoid, v.oid from pg_catalog.pg_conversion as v
         union all
        select d.tableoid, d.oid from pg_catalog.pg_ts_dict as d
         union all
        select f.tableoid, f.oid from pg_catalog.pg_ts_config as f
         union all
        select g.tableoid, g.oid from pg_catalog.pg_cast as g
         union all
        select b.tableoid, b.oid from pg_catalog.pg_publication as b
         union all
        select e.tableoid, e.oid from pg_catalog.pg_event_trigger as e
         union all
        select w.tableoid, w.oid from pg_catalog.pg_foreign_data_wrapper as w
         union all
        select s.tableoid, s.oid from pg_catalog.pg_foreign_server as s
    )
    select pg_catalog.pg_describe_object(catalog, object, 0)
      from made
     where (object >= 16384
            or catalog = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)
       and not exists (
           select 1
             from pg_catalog.pg_depend as d
            where d.classid = catalog
              and d.objid = object
              and d.deptype in ('e', 'i'))
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

/// Rows: large objects that this role may not read.
inline constexpr io::Query kUnreadableObjects{"unreadable_large_objects", R"sql(
    select 'large object ' || m.oid
      from pg_catalog.pg_largeobject_metadata as m
     where not pg_catalog.pg_has_role(m.lomowner, 'usage')
       and pg_catalog.current_setting('lo_compat_privileges') = 'off'
       and not exists (
           select 1
             from pg_catalog.aclexplode(m.lomacl) as a
            where a.privilege_type = 'SELECT'
              and (a.grantee = 0 or pg_catalog.pg_has_role(a.grantee, 'usage')))
     order by m.oid
     limit 11
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

/// Rows: roles that own tables, functions, types or schemas which belong to no extension.
inline constexpr io::Query kOwners{"owners", R"sql(
    with owned as (
        select c.tableoid as catalog, c.oid as object, c.relowner as owner, c.relnamespace as schema
          from pg_catalog.pg_class as c
         where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
         union all
        select p.tableoid, p.oid, p.proowner, p.pronamespace
          from pg_catalog.pg_proc as p
         union all
        select t.tableoid, t.oid, t.typowner, t.typnamespace
          from pg_catalog.pg_type as t
         where t.typtype in ('d', 'e', 'r')
         union all
        select s.tableoid, s.oid, s.nspowner, s.oid
          from pg_catalog.pg_namespace as s
         where s.nspname <> 'public'
    )
    select distinct r.rolname
      from owned as o
      join pg_catalog.pg_roles as r on r.oid = o.owner
      join pg_catalog.pg_namespace as n on n.oid = o.schema
     where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pghaul')
       and n.nspname !~ '^pg_(temp|toast_temp)_'
       and not exists (
           select 1
             from pg_catalog.pg_depend as e
            where e.classid = o.catalog
              and e.objid = o.object
              and e.deptype = 'e')
     order by 1
)sql"};

/// $1 names. Rows: roles that the current one may not act for.
inline constexpr io::Query kRolesOfOthers{"roles_of_others", R"sql(
    select r.rolname
      from pg_catalog.pg_roles as r
     where r.rolname = any($1::pg_catalog.text[])
       and not pg_catalog.pg_has_role(
               r.oid,
               case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 160000
                    then 'set'
                    else 'member'
               end)
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

/// $1 relations as oid[]. Rows: those whose owner's role we are not a member of.
inline constexpr io::Query kTablesOfOthers{"tables_of_others", R"sql(
    select pg_catalog.format('%I.%I', n.nspname, c.relname)
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.oid = any($1::pg_catalog.oid[])
       and not pg_catalog.pg_has_role(c.relowner, 'usage')
     order by 1
)sql"};

inline constexpr std::array kHazardQueries = {
    kTakeMarker,      kDatabaseIdentity,   kServerProcess, kUserObjects,    kExisting,
    kNamesOf,         kRolesUsed,          kMissingRoles,  kExtensionsUsed, kMissingExtensions,
    kTablespacesUsed, kMissingTablespaces, kTargetFacts,   kCollation,      kUnreadableObjects,
    kTablesOfOthers,  kKnowsCompression,   kOwners,        kRolesOfOthers,
};

}  // namespace pghaul::cmd
