// Statements that read the source's catalog. $1 is always the chosen relations as oid[].
// Lines ending in "-- since N" are left out on servers older than N (see for_version()).
#pragma once

#include <array>

#include "io/sql.hpp"

namespace pghaul::snapshot {

/// Rows: one per table with data of its own (plain, leaf, inheritance child).
/// $2: whether with sizes. For these the server opens every table, which takes most of the time and
/// waits for whoever has locked one.
inline constexpr io::Query kListTables{"list_tables", R"sql(
    select c.oid::pg_catalog.int8,
           n.nspname,
           c.relname,
           c.relispartition,
           exists (select 1 from pg_catalog.pg_inherits as h where h.inhrelid = c.oid),
           coalesce(pg_catalog.pg_relation_size(sized.heap), 0),
           coalesce(pg_catalog.pg_relation_size(sized.toast), 0),
           c.reltuples,
           pg_catalog.current_setting('block_size')::pg_catalog.int8,
           c.relfilenode::pg_catalog.int8,
           pg_catalog.has_table_privilege(c.oid, 'select'),
           pg_catalog.row_security_active(c.oid),
           x.condition,
           exists (select 1 from pg_catalog.pg_subscription_rel as s where s.srrelid = c.oid)
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     cross join lateral (
           select case when $2::pg_catalog.bool then c.oid end,
                  case when $2::pg_catalog.bool then nullif(c.reltoastrelid, 0) end
           ) as sized(heap, toast)
      left join (
           select u.oid, u.condition
             from pg_catalog.pg_extension as e
            cross join unnest(e.extconfig, e.extcondition) as u(oid, condition)
           ) as x on x.oid = c.oid
     where c.oid = any($1::pg_catalog.oid[])
       and c.relkind = 'r'
     order by c.oid
)sql"};

/// Rows: oid and names of the same tables. Takes no locks.
inline constexpr io::Query kListNames{"list_names", R"sql(
    select c.oid::pg_catalog.int8, n.nspname, c.relname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.oid = any($1::pg_catalog.oid[])
       and c.relkind = 'r'
     order by c.oid
)sql"};

/// Rows: leaf's oid, schema and name of its topmost partitioned table.
inline constexpr io::Query kListPartitionRoots{"list_partition_roots", R"sql(
    with recursive up(leaf, node) as (
        select c.oid, c.oid
          from pg_catalog.pg_class as c
         where c.oid = any($1::pg_catalog.oid[])
           and c.relispartition
           and c.relkind = 'r'
        union all
        select up.leaf, h.inhparent
          from up
          join pg_catalog.pg_inherits as h on h.inhrelid = up.node
    )
    select up.leaf::pg_catalog.int8, n.nspname, c.relname
      from up
      join pg_catalog.pg_class as c on c.oid = up.node
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.relkind = 'p'
       and not c.relispartition
)sql"};

/// Rows: table's oid, column, type oid, whether its size varies. In column order.
inline constexpr io::Query kListColumns{"list_columns", R"sql(
    select a.attrelid::pg_catalog.int8,
           a.attname,
           a.atttypid::pg_catalog.int8,
           a.attlen = -1
      from pg_catalog.pg_attribute as a
     where a.attrelid = any($1::pg_catalog.oid[])
       and a.attnum > 0
       and not a.attisdropped
       and a.attgenerated = ''                                                     -- since 12
     order by a.attrelid, a.attnum
)sql"};

/// Rows: type oid, kind, base type, element type, SQL name, whether it is built in. No parameter.
/// Row types of tables and arrays of them are left out: one pair per table.
inline constexpr io::Query kListTypes{"list_types", R"sql(
    select t.oid::pg_catalog.int8,
           t.typtype,
           t.typbasetype::pg_catalog.int8,
           case when t.typlen = -1 then t.typelem::pg_catalog.int8 else 0 end,
           pg_catalog.format_type(t.oid, -1),
           n.nspname = 'pg_catalog' and t.oid < 16384,
           t.typname
      from pg_catalog.pg_type as t
      join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
      left join pg_catalog.pg_type as e on e.oid = t.typelem
     where t.typtype in ('b', 'd', 'e', 'r', 'm')
       and e.typtype is distinct from 'c'
)sql"};

/// Rows: one per column of every index that can serve as a key, in key order. A usable column is
/// sorted ascending by its type's own < and >= under its own collation. Included columns have no
/// operator class: they are no part of the key. The last column stands in for the one before it
/// (whether the collation is deterministic) on servers that do not know other ones.
/// The planner takes the operators of btree for a row or two and would look through all indexes for
/// each: the fences and the outer join keep the two sides apart.
inline constexpr io::Query kListKeys{"list_keys", R"sql(
    select k.indrelid::pg_catalog.int8,
           k.indexrelid::pg_catalog.int8,
           k.indisprimary,
           a.attname,
           a.atttypid::pg_catalog.int8,
           o.order_schema,
           o.has_order and k.direction = 0 and k.sorted_by = a.attcollation,
           o.eq_schema,
           o.eq_name,
           coalesce((select collisdeterministic                                    -- since 12
           from pg_catalog.pg_collation where oid = a.attcollation), true),        -- since 12
           true
      from (select i.indrelid, i.indexrelid, i.indisprimary, k.*
              from pg_catalog.pg_index as i
             cross join unnest(i.indkey::pg_catalog.int2[], i.indclass::pg_catalog.oid[],
                               i.indoption::pg_catalog.int2[], i.indcollation::pg_catalog.oid[])
                   with ordinality as k(attnum, opclass, direction, sorted_by, place)
             where i.indrelid = any($1::pg_catalog.oid[])
               and i.indisunique
               and i.indisvalid
               and i.indimmediate
               and i.indpred is null
               and i.indexprs is null
               and (i.indisprimary or not exists (
                   select 1
                     from unnest(i.indkey::pg_catalog.int2[], i.indclass::pg_catalog.oid[])
                          as n(attnum, opclass)
                     join pg_catalog.pg_attribute as na
                       on na.attrelid = i.indrelid and na.attnum = n.attnum
                    where n.opclass is not null
                      and not na.attnotnull))
            offset 0) as k
      join pg_catalog.pg_attribute as a on a.attrelid = k.indrelid and a.attnum = k.attnum
      left join (
            select oc.oid as opclass,
                   ge.oprname is not null and lt.oprname is not null as has_order,
                   opn.nspname as order_schema,
                   eqn.nspname as eq_schema,
                   eq.oprname as eq_name
              from pg_catalog.pg_opclass as oc
              join pg_catalog.pg_am as am on am.oid = oc.opcmethod and am.amname = 'btree'
              left join pg_catalog.pg_amop as ag
                on ag.amopfamily = oc.opcfamily and ag.amoplefttype = oc.opcintype
               and ag.amoprighttype = oc.opcintype and ag.amopstrategy = 4
              left join pg_catalog.pg_operator as ge on ge.oid = ag.amopopr and ge.oprname = '>='
              left join pg_catalog.pg_amop as al
                on al.amopfamily = oc.opcfamily and al.amoplefttype = oc.opcintype
               and al.amoprighttype = oc.opcintype and al.amopstrategy = 1
              left join pg_catalog.pg_operator as lt on lt.oid = al.amopopr and lt.oprname = '<'
               and lt.oprnamespace = ge.oprnamespace
              left join pg_catalog.pg_namespace as opn on opn.oid = ge.oprnamespace
              join pg_catalog.pg_amop as ae
                on ae.amopfamily = oc.opcfamily and ae.amoplefttype = oc.opcintype
               and ae.amoprighttype = oc.opcintype and ae.amopstrategy = 3
              join pg_catalog.pg_operator as eq on eq.oid = ae.amopopr
              join pg_catalog.pg_namespace as eqn on eqn.oid = eq.oprnamespace
            offset 0) as o on o.opclass = k.opclass
     where coalesce(o.opclass, 0) <> 0
     order by k.indrelid, k.indexrelid, k.place
)sql"};

/// Rows: one per index of the chosen tables, with its constraint if it has one. Keys WITHOUT
/// OVERLAPS count as exclusion constraints: they can't adopt an index either. The size is that of
/// the last ANALYZE or CREATE INDEX.
/// pg_get_indexdef() looks up each column's operator class: 40 microseconds for an index that has
/// just been met. What stands for a key, in btree (403) without collation or options, is told by
/// the constraint.
inline constexpr io::Query kListIndexes{"list_indexes", R"sql(
    select i.indrelid::pg_catalog.int8,
           i.indexrelid::pg_catalog.int8,
           ic.relname,
           case when ic.relam = 403
                 and ic.reloptions is null
                 and con.contype in ('p', 'u')
                 and not con.condeferrable
                 and pg_catalog.array_length(con.conkey, 1) = i.indnatts
                 and 0 = all (i.indcollation::pg_catalog.oid[])
                 and d.definition ~ '^(PRIMARY KEY|UNIQUE) [(]'
                then pg_catalog.format('CREATE UNIQUE INDEX %I ON %I.%I USING btree %s',
                                       ic.relname, n.nspname, tc.relname,
                                       pg_catalog.substr(d.definition,
                                                         pg_catalog.strpos(d.definition, '(')))
                else pg_catalog.pg_get_indexdef(i.indexrelid)
           end,
           ic.relpages * pg_catalog.current_setting('block_size')::pg_catalog.int8,
           coalesce(con.oid, 0)::pg_catalog.int8,
           coalesce(con.conname, ''),
           case when i.indisexclusion then 'x' else coalesce(con.contype::pg_catalog.text, '') end,
           coalesce(d.definition, ''),
           coalesce(con.condeferrable, false),
           coalesce(con.condeferred, false),
           i.indisclustered,
           i.indisreplident,
           (select pg_catalog.string_agg(a.attnum || ':' || a.attstattarget, ',')
              from pg_catalog.pg_attribute as a
             where a.attrelid = i.indexrelid
               and a.attstattarget >= 0),
           coalesce(ts.spcname, '')
      from pg_catalog.pg_index as i
      join pg_catalog.pg_class as ic on ic.oid = i.indexrelid
      join pg_catalog.pg_class as tc on tc.oid = i.indrelid and tc.relkind = 'r'
      join pg_catalog.pg_namespace as n on n.oid = tc.relnamespace
      left join pg_catalog.pg_tablespace as ts on ts.oid = ic.reltablespace
      left join pg_catalog.pg_constraint as con
        on con.conindid = i.indexrelid
       and con.conrelid = i.indrelid
       and con.contype in ('p', 'u', 'x')
     cross join lateral (select pg_catalog.pg_get_constraintdef(con.oid) offset 0) as d(definition)
     where i.indrelid = any($1::pg_catalog.oid[])
       and i.indisvalid
     order by i.indrelid, i.indexrelid
)sql"};

/// $1 indexes. Rows: index, bytes. Not for thousands of small ones: a look at a file costs more
/// than all else that is asked of an index.
inline constexpr io::Query kIndexSizes{"index_sizes", R"sql(
    select i.oid::pg_catalog.int8, coalesce(pg_catalog.pg_relation_size(i.oid), 0)
      from unnest($1::pg_catalog.oid[]) as i(oid)
)sql"};

/// Rows: table's oid and digests of its place, columns, indexes, constraints and triggers (our own
/// left out): what ALTER changes, for finding out later that somebody did; schema, name.
inline constexpr io::Query kListShapes{"list_shapes", R"sql(
    select c.oid::pg_catalog.int8,
           pg_catalog.md5(pg_catalog.concat_ws(E'\n', n.nspname, c.relname, c.relpersistence,
               pg_catalog.pg_get_expr(c.relpartbound, c.oid),
               (select pg_catalog.string_agg(h.inhparent::pg_catalog.text, ',' order by h.inhparent)
                  from pg_catalog.pg_inherits as h
                 where h.inhrelid = c.oid))),
           (select pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(E'\n', a.attname,
                       pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation,
                       a.attgenerated,                                             -- since 12
                       a.attidentity, pg_catalog.pg_get_expr(d.adbin, d.adrelid)),
                       E'\n\n' order by a.attnum))
              from pg_catalog.pg_attribute as a
              left join pg_catalog.pg_attrdef as d
                on d.adrelid = a.attrelid and d.adnum = a.attnum
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
           (select pg_catalog.md5(pg_catalog.string_agg(pg_catalog.pg_get_indexdef(i.indexrelid),
                       E'\n' order by i.indexrelid))
              from pg_catalog.pg_index as i
             where i.indrelid = c.oid and i.indisvalid),
           (select pg_catalog.md5(pg_catalog.string_agg(con.conname || E'\n'
                       || pg_catalog.pg_get_constraintdef(con.oid), E'\n\n' order by con.oid))
              from pg_catalog.pg_constraint as con
             where con.conrelid = c.oid
               -- Those implied by another's come and go with partitions.
               and (con.contype <> 'f' or con.conparentid = 0)                     -- since 11
           ),
           (select pg_catalog.md5(pg_catalog.string_agg(pg_catalog.pg_get_triggerdef(t.oid)
                       || t.tgenabled::pg_catalog.text, E'\n' order by t.tgname))
              from pg_catalog.pg_trigger as t
             where t.tgrelid = c.oid and not t.tgisinternal and t.tgname !~ '^pghaul/'),
           n.nspname,
           c.relname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.oid = any($1::pg_catalog.oid[])
       and c.relkind = 'r'
)sql"};

/// Rows: foreign keys of the chosen tables; those that a partitioned table's key implies come
/// with it.
inline constexpr io::Query kListForeignKeys{"list_foreign_keys", R"sql(
    select con.oid::pg_catalog.int8,
           con.conname,
           n.nspname,
           c.relname,
           pg_catalog.pg_get_constraintdef(con.oid),
           con.convalidated,
           c.relkind = 'p',
           con.confrelid::pg_catalog.int8
      from pg_catalog.pg_constraint as con
      join pg_catalog.pg_class as c on c.oid = con.conrelid
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where con.conrelid = any($1::pg_catalog.oid[])
       and con.contype = 'f'
       and con.conparentid = 0                                                     -- since 11
     order by n.nspname, c.relname, con.conname
)sql"};

/// Rows: schema, name, kind of the chosen sequences, partition roots, matviews, foreign tables.
inline constexpr io::Query kListOthers{"list_others", R"sql(
    select c.oid::pg_catalog.int8,
           n.nspname,
           c.relname,
           c.relkind,
           c.relispopulated,
           c.relispartition,
           c.relkind <> 'S' or pg_catalog.has_sequence_privilege(c.oid, 'select')
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.oid = any($1::pg_catalog.oid[])
       and c.relkind in ('S', 'p', 'm', 'f', 'v')
     order by n.nspname, c.relname
)sql"};

/// Rows: view or materialised view, view or materialised view that it reads. No parameter.
inline constexpr io::Query kListViewReads{"list_view_reads", R"sql(
    select distinct r.ev_class::pg_catalog.int8, d.refobjid::pg_catalog.int8
      from pg_catalog.pg_rewrite as r
      join pg_catalog.pg_depend as d
        on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
       and d.objid = r.oid
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       and d.refobjid <> r.ev_class
      join pg_catalog.pg_class as c on c.oid = d.refobjid and c.relkind in ('v', 'm')
      join pg_catalog.pg_class as v on v.oid = r.ev_class and v.relkind in ('v', 'm')
)sql"};

/// One row: how many locks the server's table holds by its settings. No parameter.
inline constexpr io::Query kLockCapacity{"lock_capacity", R"sql(
    select pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8
         * (pg_catalog.current_setting('max_connections')::pg_catalog.int8
            + pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int8)
)sql"};

inline constexpr std::array kCatalogQueries = {
    kListTables,   kListPartitionRoots, kListColumns,     kListTypes,  kListKeys,
    kListIndexes,  kListShapes,         kListForeignKeys, kListOthers, kListViewReads,
    kLockCapacity, kListNames,          kIndexSizes,
};

}  // namespace pghaul::snapshot
