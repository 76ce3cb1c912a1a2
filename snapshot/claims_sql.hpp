// Statements by which several processes share the chunks and indexes of a job.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::snapshot {

/// $1 job, $2 tables' numbers, $3 chunks' numbers. Rows: those that are locked now and not loaded.
inline constexpr io::Query kClaimChunks{"claim_chunks", R"sql(
    select c.table_number, c.number
      from unnest($2::pg_catalog.int4[], $3::pg_catalog.int4[]) as u(table_number, number)
      join pghaul.chunk as c on c.job = $1
                            and c.table_number = u.table_number
                            and c.number = u.number
     where c.loaded_at is null
       for update of c skip locked
)sql"};

/// The same parameters. Rows: those that are loaded, whether their table is finished, and whether
/// it is known what it holds.
inline constexpr io::Query kLoadedOf{"loaded_of", R"sql(
    select c.table_number, c.number, t.finished_at is not null, coalesce(t.proof, '') <> ''
      from unnest($2::pg_catalog.int4[], $3::pg_catalog.int4[]) as u(table_number, number)
      join pghaul.chunk as c on c.job = $1
                            and c.table_number = u.table_number
                            and c.number = u.number
      join pghaul.table_plan as t on t.job = c.job and t.number = c.table_number
     where c.loaded_at is not null
)sql"};

/// $1 job, $2 the index's OID on the source. The lock is held until the transaction ends.
inline constexpr io::Query kClaimIndex{"claim_index", R"sql(
    select pg_catalog.pg_try_advisory_xact_lock(
               1885824098,
               pg_catalog.hashtext($1::pg_catalog.text || '/' || $2::pg_catalog.text))
)sql"};

/// $1 job, $2 number, $3 exported name or null, $4 whether indexes are wanted. Only one snapshot of
/// a job is held at a time.
inline constexpr io::Query kShareSnapshot{"share_snapshot", R"sql(
    update pghaul.snapshot
       set exported = case when number = $2::pg_catalog.int4 then $3 end,
           indexed = $4::pg_catalog.bool
     where job = $1
       and (exported is not null or number = $2::pg_catalog.int4)
)sql"};

/// $1 job. At most one row.
inline constexpr io::Query kSharedSnapshot{"shared_snapshot", R"sql(
    select j.run, s.number, s.exported, s.snapshot, s.indexed
      from pghaul.job as j
      join pghaul.snapshot as s on s.job = j.job
     where j.job = $1
       and s.exported is not null
     order by s.number desc
     limit 1
)sql"};

inline constexpr std::array kClaimQueries = {kClaimChunks, kLoadedOf, kClaimIndex, kShareSnapshot,
                                             kSharedSnapshot};

}  // namespace pghaul::snapshot
