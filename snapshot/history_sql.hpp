// Statements on what the journal keeps for people who look back: when things were done, by which
// session, and what was noted. The run itself needs none of it.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::snapshot {

/// One row: true if the journal has all that is read below.
inline constexpr io::Query kJournalIsNew{"journal_is_new", R"sql(
    select pg_catalog.to_regclass('pghaul.hazard') is not null
)sql"};

/// $1 job. Row: now, begun, done, last window, cutover, all in microseconds since 1970; windows;
/// the source's version.
inline constexpr io::Query kReadJobTimes{"read_job_times", R"sql(
    select (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1e6)::pg_catalog.int8,
           (pg_catalog.date_part('epoch', created_at) * 1e6)::pg_catalog.int8,
           (pg_catalog.date_part('epoch', finished_at) * 1e6)::pg_catalog.int8,
           (pg_catalog.date_part('epoch', delta_at) * 1e6)::pg_catalog.int8,
           (pg_catalog.date_part('epoch', cutover_at) * 1e6)::pg_catalog.int8,
           windows,
           coalesce(source_version, '')
      from pghaul.job
     where job = $1
)sql"};

/// $1 job. Rows: table, chunk, bytes, begun, loaded, session, snapshot, rows, bytes sent.
inline constexpr io::Query kReadChunkTimes{"read_chunk_times", R"sql(
    select table_number, number, bytes,
           (pg_catalog.date_part('epoch', begun_at) * 1e6)::pg_catalog.int8,
           (pg_catalog.date_part('epoch', loaded_at) * 1e6)::pg_catalog.int8,
           backend, snapshot, rows, sent_bytes
      from pghaul.chunk
     where job = $1
     order by table_number, number
)sql"};

/// $1 job. Rows: number, objects, begun, loaded, session, snapshot, bytes sent.
inline constexpr io::Query kReadObjectTimes{"read_object_times", R"sql(
    select number, objects,
           (pg_catalog.date_part('epoch', begun_at) * 1e6)::pg_catalog.int8,
           (pg_catalog.date_part('epoch', loaded_at) * 1e6)::pg_catalog.int8,
           backend, snapshot, sent_bytes
      from pghaul.large_object_chunk
     where job = $1
     order by number
)sql"};

/// $1 job. Rows: table, finished, proof, since when it is proven.
inline constexpr io::Query kReadTableTimes{"read_table_times", R"sql(
    select number,
           (pg_catalog.date_part('epoch', finished_at) * 1e6)::pg_catalog.int8,
           coalesce(proof, ''),
           (pg_catalog.date_part('epoch', proof_at) * 1e6)::pg_catalog.int8
      from pghaul.table_plan
     where job = $1
     order by number
)sql"};

/// $1 job. Rows: number, what it shows, taken.
inline constexpr io::Query kReadSnapshotTimes{"read_snapshot_times", R"sql(
    select number, snapshot, (pg_catalog.date_part('epoch', taken_at) * 1e6)::pg_catalog.int8
      from pghaul.snapshot
     where job = $1
     order by number
)sql"};

/// $1 job. Rows: step, seconds, end; in order of their end.
inline constexpr io::Query kReadStepTimes{"read_step_times", R"sql(
    select step, seconds, (pg_catalog.date_part('epoch', finished_at) * 1e6)::pg_catalog.int8
      from pghaul.step
     where job = $1
     order by finished_at nulls last, step
)sql"};

/// $1 job. Rows: subject, message, when.
inline constexpr io::Query kReadProblemTimes{"read_problem_times", R"sql(
    select subject, message, (pg_catalog.date_part('epoch', noted_at) * 1e6)::pg_catalog.int8
      from pghaul.problem
     where job = $1
     order by subject
)sql"};

/// $1 job. Rows: weight, message, fix, when.
inline constexpr io::Query kReadHazards{"read_hazards", R"sql(
    select weight, message, fix, (pg_catalog.date_part('epoch', noted_at) * 1e6)::pg_catalog.int8
      from pghaul.hazard
     where job = $1
     order by topic, number
)sql"};

/// $1 job, $2 topic.
inline constexpr io::Query kForgetHazards{"forget_hazards", R"sql(
    delete from pghaul.hazard where job = $1 and topic = $2
)sql"};

/// $1 job, $2 topic, $3 weights, $4 messages, $5 fixes.
inline constexpr io::Query kAddHazards{"add_hazards", R"sql(
    insert into pghaul.hazard (job, topic, number, weight, message, fix)
    select $1, $2, u.number, u.weight, u.message, u.fix
      from unnest($3::pg_catalog.text[], $4::pg_catalog.text[], $5::pg_catalog.text[])
           with ordinality as u(weight, message, fix, number)
)sql"};

/// $1 job, $2 version.
inline constexpr io::Query kNoteSourceVersion{"note_source_version", R"sql(
    update pghaul.job set source_version = $2 where job = $1
)sql"};

/// Statements that a server can prepare once the journal exists.
inline constexpr std::array kHistoryQueries = {
    kJournalIsNew,   kReadJobTimes,      kReadChunkTimes, kReadObjectTimes,
    kReadTableTimes, kReadSnapshotTimes, kReadStepTimes,  kReadProblemTimes,
    kReadHazards,    kForgetHazards,     kAddHazards,     kNoteSourceVersion,
};

}  // namespace pghaul::snapshot
