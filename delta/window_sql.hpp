// Statements that open a window of changes on the source.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::delta {

/// $1 schema, $2 name prefix. Rows: OID of every captured table whose delta table has pages.
/// The file's size is no matter of snapshots, so what a snapshot shows is never missed. Asking for
/// it locks the table: CASE sees to it that only our own are asked, whatever the planner finds
/// cheap.
inline constexpr io::Query kTouchedTables{"touched_tables", R"sql(
    select pg_catalog.substr(c.relname::pg_catalog.text, pg_catalog.length($2::pg_catalog.text) + 1)
               ::pg_catalog.int8
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where n.nspname = $1
       and c.relkind = 'r'
       and case
               when pg_catalog."left"(c.relname::pg_catalog.text,
                                      pg_catalog.length($2::pg_catalog.text)) = $2
                and pg_catalog.substr(c.relname::pg_catalog.text,
                                      pg_catalog.length($2::pg_catalog.text) + 1) ~ '^[0-9]+$'
               then pg_catalog.pg_relation_size(c.oid) > 0
               else false
           end
     order by 1
)sql"};

/// One row: exported name, what the snapshot shows, where the WAL is.
inline constexpr io::Query kTakeWindow{"take_window", R"sql(
    select pg_catalog.pg_export_snapshot(),
           pg_catalog.txid_current_snapshot()::pg_catalog.text,
           pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text
)sql"};

/// $1 position. One row: whether the WAL up to there is on disk.
inline constexpr io::Query kIsFlushed{"is_flushed", R"sql(
    select pg_catalog.pg_current_wal_flush_lsn() >= $1::pg_catalog.pg_lsn
)sql"};

/// Writes WAL and flushes it, with all that was written before. The only statement that does so for
/// any role, whatever synchronous_commit is, without waiting for standbys.
inline constexpr io::Query kFlush{"flush_wal", R"sql(
    begin;
    set local synchronous_commit to local;
    select pg_catalog.pg_logical_emit_message(true, 'pghaul', '');
    commit
)sql"};

/// $1 delta table. One row: its size in bytes; whether a transaction that wrote to it is open.
inline constexpr io::Query kDeltaState{"delta_state", R"sql(
    select pg_catalog.pg_relation_size(d.oid),
           exists (select 1
                     from pg_catalog.pg_locks as l
                     join pg_catalog.pg_database as b on b.oid = l.database
                    where l.relation = d.oid
                      and b.datname = pg_catalog.current_database()
                      and l.mode = 'RowExclusiveLock')
      from (select pg_catalog.to_regclass($1)::pg_catalog.oid as oid) as d
)sql"};

inline constexpr std::array kWindowQueries = {kTouchedTables, kTakeWindow, kIsFlushed, kDeltaState};

}  // namespace pghaul::delta
