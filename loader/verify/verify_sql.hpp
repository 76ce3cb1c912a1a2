// Statements by which a verification learns what it has to compare. Both servers are asked the
// same.
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::loader {

/// $1 schemas, $2 names. Rows: place in the lists (from 1), pages, bytes with TOAST, columns and
/// their types in column order, columns that lead a B-tree index which covers every row.
inline constexpr io::Query kDescribeTables{"describe_tables", R"sql(
    select v.place,
           coalesce(pg_catalog.pg_relation_size(c.oid), 0)
             / pg_catalog.current_setting('block_size')::pg_catalog.int8,
           coalesce(pg_catalog.pg_table_size(c.oid), 0),
           coalesce(a.names, '{}')::pg_catalog.text,
           coalesce(a.types, '{}')::pg_catalog.text,
           coalesce(x.names, '{}')::pg_catalog.text
      from unnest($1::pg_catalog.text[], $2::pg_catalog.text[])
           with ordinality as v(schema, name, place)
      join pg_catalog.pg_namespace as n on n.nspname = v.schema
      join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = v.name
      left join lateral (
           select pg_catalog.array_agg(a.attname::pg_catalog.text order by a.attnum) as names,
                  pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, -1) order by a.attnum)
                    as types
             from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid
              and a.attnum > 0
              and not a.attisdropped
           ) as a on true
      left join lateral (
           select pg_catalog.array_agg(distinct a.attname::pg_catalog.text) as names
             from pg_catalog.pg_index as i
             join pg_catalog.pg_class as ic on ic.oid = i.indexrelid
             join pg_catalog.pg_am as am on am.oid = ic.relam and am.amname = 'btree'
             join pg_catalog.pg_attribute as a
               on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
            where i.indrelid = c.oid
              and i.indisvalid
              and i.indpred is null
           ) as x on true
     where c.relkind = 'r'
)sql"};

/// $1 schemas, $2 names. Rows: place in the lists (from 1) of the sequences that exist.
inline constexpr io::Query kExistingSequences{"existing_sequences", R"sql(
    select v.place
      from unnest($1::pg_catalog.text[], $2::pg_catalog.text[])
           with ordinality as v(schema, name, place)
      join pg_catalog.pg_namespace as n on n.nspname = v.schema
      join pg_catalog.pg_class as c on c.relnamespace = n.oid
                                   and c.relname = v.name
                                   and c.relkind = 'S'
     order by v.place
)sql"};

/// $1 table's qualified name, $2 the session's session_replication_role. Rows: triggers that fire
/// on what this session does to it, foreign keys' own included.
inline constexpr io::Query kFiringTriggers{"firing_triggers", R"sql(
    select case when t.tgisinternal
                then 'the trigger of constraint ' || coalesce(con.conname, t.tgname)
                else 'trigger ' || t.tgname end
      from pg_catalog.pg_trigger as t
      left join pg_catalog.pg_constraint as con on con.oid = t.tgconstraint
     where t.tgrelid = $1::pg_catalog.regclass
       and t.tgenabled in ('A', case when $2::pg_catalog.text = 'replica' then 'R' else 'O' end)
     order by 1
     limit 1
)sql"};

/// $1 setting, $2 value, until the transaction ends; does nothing on a server that does not know
/// it.
inline constexpr io::Query kSetKnown{"set_known", R"sql(
    select pg_catalog.set_config(s.name, $2, true)
      from pg_catalog.pg_settings as s
     where s.name = $1
)sql"};

inline constexpr std::array kVerifyQueries = {
    kDescribeTables,
    kExistingSequences,
    kFiringTriggers,
    kSetKnown,
};

}  // namespace pghaul::loader
