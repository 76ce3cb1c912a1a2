// Statements on what the journal knows of files beside the target. The table is made in
// journal_sql.hpp.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::snapshot {

inline constexpr io::Query kCanNoteSpools{"can_note_spools", R"sql(
    select pg_catalog.to_regclass('pghaul.spool') is not null
)sql"};

/// $1 job, $2 host, $3 base, $4 limit in bytes.
inline constexpr io::Query kNoteSpool{"note_spool", R"sql(
    insert into pghaul.spool (job, host, base, limit_bytes)
    values ($1, $2, $3, $4::pg_catalog.int8)
        on conflict (job, host, base) do update
       set limit_bytes = excluded.limit_bytes, noted_at = pg_catalog.clock_timestamp()
)sql"};

/// $1 job, $2 host, $3 base.
inline constexpr io::Query kForgetSpool{"forget_spool", R"sql(
    delete from pghaul.spool where job = $1 and host = $2 and base = $3
)sql"};

/// $1 job. Rows: host, base, limit; the latest first.
inline constexpr io::Query kListSpools{"list_spools", R"sql(
    select host, base, limit_bytes from pghaul.spool where job = $1 order by noted_at desc
)sql"};

/// Statements that a server can prepare once the journal exists.
inline constexpr std::array kSpoolNoteQueries = {kCanNoteSpools, kNoteSpool, kForgetSpool,
                                                 kListSpools};

}  // namespace pghaul::snapshot
