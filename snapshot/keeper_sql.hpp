// Statements of the keeper and of those who look for what blocks them.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::snapshot {

inline constexpr io::Query kExport{"export_snapshot", R"sql(
    select pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_snapshot()::pg_catalog.text
)sql"};

/// Before 13 the function had another name.
inline constexpr io::Query kExportBefore13{"export_snapshot", R"sql(
    select pg_catalog.pg_export_snapshot(), pg_catalog.txid_current_snapshot()::pg_catalog.text
)sql"};

/// $1 tables' qualified names. Rows: those that exist, and their oids.
inline constexpr io::Query kExistingTables{"existing_tables", R"sql(
    select u.name, pg_catalog.to_regclass(u.name)::pg_catalog.oid::pg_catalog.int8
      from unnest($1::pg_catalog.text[]) as u(name)
     where pg_catalog.to_regclass(u.name) is not null
)sql"};

/// $1 tables as oid[]. Rows: table, pid, user, seconds, query of whoever locks readers out.
inline constexpr io::Query kExclusiveLocks{"exclusive_locks", R"sql(
    select l.relation::pg_catalog.regclass::pg_catalog.text,
           a.pid,
           a.usename,
           pg_catalog.floor(extract(epoch from pg_catalog.clock_timestamp() - a.xact_start)),
           pg_catalog."left"(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 80)
      from pg_catalog.pg_locks as l
      join pg_catalog.pg_stat_activity as a on a.pid = l.pid
     where l.relation = any($1::pg_catalog.oid[])
       and l.mode = 'AccessExclusiveLock'
       and l.granted
     limit 5
)sql"};

/// $1 application_name prefix. Rows: application name, what it waits for (null: it works), its
/// query, blocking pid, who, query.
inline constexpr io::Query kWaits{"waits", R"sql(
    select a.application_name,
           a.wait_event_type || ':' || a.wait_event,
           pg_catalog."left"(pg_catalog.regexp_replace(a.query, '\s+', ' ', 'g'), 80),
           b.pid,
           coalesce(b.usename, ''),
           coalesce(pg_catalog."left"(pg_catalog.regexp_replace(b.query, '\s+', ' ', 'g'), 80), '')
      from pg_catalog.pg_stat_activity as a
      left join lateral (
           select x.pid, x.usename, x.query
             from unnest(case when a.wait_event_type = 'Lock'
                                         then pg_catalog.pg_blocking_pids(a.pid) end) as p(pid)
             join pg_catalog.pg_stat_activity as x on x.pid = p.pid
            limit 1
           ) as b on true
     where pg_catalog."left"(a.application_name, pg_catalog.length($1::pg_catalog.text)) = $1
       and a.state = 'active'
       and a.pid <> pg_catalog.pg_backend_pid()
     order by a.application_name
)sql"};

/// $1 application_name prefix. Rows: application name and what it waits for, of those that have
/// something to do. Cheap enough for once a second: nobody is asked who blocks whom.
inline constexpr io::Query kActivity{"activity", R"sql(
    select a.application_name,
           coalesce(a.wait_event_type || ':' || a.wait_event, '')
      from pg_catalog.pg_stat_activity as a
     where pg_catalog."left"(a.application_name, pg_catalog.length($1::pg_catalog.text)) = $1
       and a.state = 'active'
       and a.pid <> pg_catalog.pg_backend_pid()
)sql"};

/// $1 pids of sessions that we wait for. Rows: those of them that wait for us, or are gone.
inline constexpr io::Query kWaitingForUs{"waiting_for_us", R"sql(
    select p.pid
      from unnest($1::pg_catalog.int4[]) as p(pid)
      left join pg_catalog.pg_stat_activity as a on a.pid = p.pid
     where a.pid is null
        or a.state <> 'active'
        or a.wait_event_type = 'Client'
)sql"};

/// $1 pid of a session of ours whose connection passes nothing: what it holds (locks, claims) it
/// would hold for as long as the network pretends.
inline constexpr io::Query kEndForgotten{"end_forgotten", R"sql(
    select pg_catalog.pg_terminate_backend(a.pid)
      from pg_catalog.pg_stat_activity as a
     where a.pid = $1::pg_catalog.int4
       and a.usename = current_user
)sql"};

/// $1 a table's OID. Row: whether the snapshot that this transaction sees knows the file that the
/// table is now; if not, it was truncated or rewritten since, and looks empty. Of no use without a
/// lock on it.
inline constexpr io::Query kSameFile{"same_file", R"sql(
    select c.relfilenode is not distinct from pg_catalog.pg_relation_filenode(c.oid)
      from pg_catalog.pg_class as c
     where c.oid = $1::pg_catalog.oid
)sql"};

inline constexpr std::array kKeeperQueries = {kExport,       kExistingTables, kExclusiveLocks,
                                              kWaits,        kActivity,       kWaitingForUs,
                                              kEndForgotten, kSameFile};

}  // namespace pghaul::snapshot
