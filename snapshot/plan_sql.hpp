// Statements on the part of the journal that says what is copied and how far it is: the plan, its
// tables and chunks, their marks and proofs. The tables are made in journal_sql.hpp.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::snapshot {

/// $1 job. Forgets all that was planned and loaded, for a copy that starts again.
inline constexpr io::Query kForgetPlan{"forget_plan", R"sql(
    with tables as (delete from pghaul.table_plan where job = $1),
         chunks as (delete from pghaul.chunk where job = $1),
         objects as (delete from pghaul.large_object_chunk where job = $1),
         snapshots as (delete from pghaul.snapshot where job = $1),
         steps as (delete from pghaul.step where job = $1 and step <> 'capture'),
         problems as (delete from pghaul.problem where job = $1)
    update pghaul.job
       set plan = null, schema_archive = null, delta_from = null, delta_at = null,
           delta_rows = 0, windows = 0, updated_at = pg_catalog.clock_timestamp()
     where job = $1
)sql"};

/// $1 job, $2 run, $3 plan, $4 archive; the first three as text.
inline constexpr io::Query kStorePlan{"store_plan", R"sql(
    update pghaul.job
       set plan = $3, schema_archive = $4
     where job = $1
       and run = $2::pg_catalog.int8
)sql"};

/// $1 job, $2 run, $3 plan.
inline constexpr io::Query kReplacePlan{"replace_plan", R"sql(
    update pghaul.job
       set plan = $3
     where job = $1
       and run = $2::pg_catalog.int8
)sql"};

/// $1 job, $2 numbers, $3 names, $4 bytes, $5 plans.
inline constexpr io::Query kInsertTablePlans{"insert_table_plans", R"sql(
    insert into pghaul.table_plan (job, number, table_name, bytes, plan)
    select $1, u.number, u.name, u.bytes, u.plan
      from unnest($2::pg_catalog.int4[], $3::pg_catalog.text[],
                             $4::pg_catalog.int8[], $5::pg_catalog.text[])
           as u(number, name, bytes, plan)
)sql"};

/// $1 job, $2 table numbers, $3 chunk numbers, $4 bytes.
inline constexpr io::Query kInsertChunks{"insert_chunks", R"sql(
    insert into pghaul.chunk (job, table_number, number, bytes)
    select $1, u.table_number, u.number, u.bytes
      from unnest($2::pg_catalog.int4[], $3::pg_catalog.int4[], $4::pg_catalog.int8[])
           as u(table_number, number, bytes)
)sql"};

/// $1 job, $2 numbers, $3 objects.
inline constexpr io::Query kInsertObjectChunks{"insert_object_chunks", R"sql(
    insert into pghaul.large_object_chunk (job, number, objects)
    select $1, u.number, u.objects
      from unnest($2::pg_catalog.int4[], $3::pg_catalog.int8[]) as u(number, objects)
)sql"};

inline constexpr io::Query kReadPlan{"read_plan", R"sql(
    select plan from pghaul.job where job = $1
)sql"};

inline constexpr io::Query kReadArchive{"read_archive", R"sql(
    select pg_catalog.encode(schema_archive, 'hex') from pghaul.job where job = $1
)sql"};

inline constexpr io::Query kReadTablePlans{"read_table_plans", R"sql(
    select plan from pghaul.table_plan where job = $1 order by number
)sql"};

inline constexpr io::Query kReadFinished{"read_finished", R"sql(
    select number from pghaul.table_plan where job = $1 and finished_at is not null
)sql"};

/// Rows: table number, chunk number of every loaded chunk.
inline constexpr io::Query kReadLoaded{"read_loaded", R"sql(
    select table_number, number
      from pghaul.chunk
     where job = $1
       and loaded_at is not null
     order by table_number, number
)sql"};

inline constexpr io::Query kReadLoadedObjects{"read_loaded_objects", R"sql(
    select number from pghaul.large_object_chunk where job = $1 and loaded_at is not null
)sql"};

/// $1 job, $2 run, $3 snapshot; arrays, one element per chunk: $4 table, $5 chunk, $6 rows, $7
/// bytes, $8 sum of the rows' hashes. Runs in the transaction that loads the rows. Affects no row
/// if another run has taken the job over.
inline constexpr io::Query kMarkLoaded{"mark_loaded", R"sql(
    update pghaul.chunk as c
       set begun_at = pg_catalog.transaction_timestamp(),
           loaded_at = pg_catalog.clock_timestamp(),
           backend = pg_catalog.pg_backend_pid(),
           snapshot = $3::pg_catalog.int4,
           rows = l.rows,
           sent_bytes = l.bytes,
           row_sum = l.row_sum
      from pghaul.job as j,
           unnest($4::pg_catalog.int4[], $5::pg_catalog.int4[], $6::pg_catalog.int8[],
                  $7::pg_catalog.int8[], $8::pg_catalog.text[])
             as l(table_number, number, rows, bytes, row_sum)
     where c.job = $1
       and c.table_number = l.table_number
       and c.number = l.number
       and c.loaded_at is null
       and j.job = c.job
       and j.run = $2::pg_catalog.int8
)sql"};

/// $1 job, $2 run, $3 number, $4 snapshot, $5 bytes.
inline constexpr io::Query kMarkObjects{"mark_objects", R"sql(
    update pghaul.large_object_chunk as c
       set begun_at = pg_catalog.transaction_timestamp(),
           loaded_at = pg_catalog.clock_timestamp(),
           backend = pg_catalog.pg_backend_pid(),
           snapshot = $4::pg_catalog.int4,
           sent_bytes = $5::pg_catalog.int8
      from pghaul.job as j
     where c.job = $1
       and c.number = $3::pg_catalog.int4
       and c.loaded_at is null
       and j.job = c.job
       and j.run = $2::pg_catalog.int8
)sql"};

/// $1 job, $2 table, $3 chunk.
inline constexpr io::Query kIsLoaded{"is_loaded", R"sql(
    select loaded_at is not null
      from pghaul.chunk
     where job = $1
       and table_number = $2::pg_catalog.int4
       and number = $3::pg_catalog.int4
)sql"};

/// $1 job, $2 number.
inline constexpr io::Query kObjectsLoaded{"objects_loaded", R"sql(
    select loaded_at is not null
      from pghaul.large_object_chunk
     where job = $1
       and number = $2::pg_catalog.int4
)sql"};

/// $1 job. One row: chunks not loaded, of tables and of large objects together.
inline constexpr io::Query kCountMissing{"count_missing", R"sql(
    select (select pg_catalog.count(*) from pghaul.chunk where job = $1 and loaded_at is null)
         + (select pg_catalog.count(*)
              from pghaul.large_object_chunk
             where job = $1
               and loaded_at is null)
)sql"};

/// $1 job, $2 numbers of tables.
inline constexpr io::Query kMarkFinished{"mark_finished", R"sql(
    update pghaul.table_plan
       set finished_at = pg_catalog.clock_timestamp()
     where job = $1
       and number = any($2::pg_catalog.int4[])
)sql"};

/// $1 job, $2 numbers of tables, $3 how they were proven (see Proof).
inline constexpr io::Query kMarkProof{"mark_proof", R"sql(
    update pghaul.table_plan
       set proof = $3,
           proof_at = pg_catalog.clock_timestamp()
     where job = $1
       and number = any($2::pg_catalog.int4[])
)sql"};

/// $1 job. Rows: table number, how it was proven; empty for not yet.
inline constexpr io::Query kReadProofs{"read_proofs", R"sql(
    select number, coalesce(proof, '') from pghaul.table_plan where job = $1
)sql"};

/// $1 job, $2 table number. Rows: rows and the sum of their hashes, of each chunk.
inline constexpr io::Query kReadSums{"read_sums", R"sql(
    select rows, row_sum
      from pghaul.chunk
     where job = $1
       and table_number = $2::pg_catalog.int4
)sql"};

/// $1 job. Rows: tables whose chunks were read in more than one snapshot.
inline constexpr io::Query kMixedTables{"mixed_tables", R"sql(
    select table_number
      from pghaul.chunk
     where job = $1
       and loaded_at is not null
     group by table_number
    having pg_catalog.min(snapshot) < pg_catalog.max(snapshot)
)sql"};

/// $1 job. Rows: tables begun but not whole: name, chunks loaded, chunks.
inline constexpr io::Query kPartlyLoaded{"partly_loaded", R"sql(
    select t.table_name, pg_catalog.count(c.loaded_at), pg_catalog.count(*)
      from pghaul.table_plan as t
      join pghaul.chunk as c on c.job = t.job and c.table_number = t.number
     where t.job = $1
     group by t.number, t.table_name
    having pg_catalog.count(c.loaded_at) between 1 and pg_catalog.count(*) - 1
     order by t.number
)sql"};

/// Statements that a server can prepare once the journal exists.
inline constexpr std::array kPlanQueries = {
    kForgetPlan,         kStorePlan,    kReplacePlan,  kInsertTablePlans, kInsertChunks,
    kInsertObjectChunks, kReadPlan,     kReadArchive,  kReadTablePlans,   kReadLoaded,
    kReadLoadedObjects,  kMarkLoaded,   kMarkObjects,  kIsLoaded,         kObjectsLoaded,
    kCountMissing,       kMarkFinished, kMarkProof,    kReadProofs,       kReadSums,
    kMixedTables,        kPartlyLoaded, kReadFinished,
};

}  // namespace pghaul::snapshot
