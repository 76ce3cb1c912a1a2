// What one table of the source is, as far as copying it needs: immutable once read. Plain data,
// kept as JSON in the journal, so that a resumed run needs no second look at the source's catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pghaul::snapshot {

using Oid = std::uint32_t;

struct Column {
    std::string name;
    /// True if the binary COPY form of its type is the same on every server.
    bool binary_safe = false;
    /// True if its values vary in size (and may live in TOAST).
    bool variable_size = false;
};

/// A column to cut a table by: its order is the one of a B-tree index of the source.
struct KeyColumn {
    std::string name;
    /// Base type, qualified, for casting literals: pg_catalog.int8.
    std::string type;
    /// The B-tree operators' schema, quoted; the operators are named < and >= in it.
    std::string operator_schema;

    bool operator==(const KeyColumn&) const = default;
};

/// A column of the key by which changes are applied: together they name one row.
struct ApplyColumn {
    std::string name;
    /// operator("schema".=): equality as the key's index understands it.
    std::string equals;
    /// True if equal values always have the same text, so that a hash of it can cut the keys.
    bool text_tells = false;
    /// True for a type that the server itself brings.
    bool built_in = false;

    bool operator==(const ApplyColumn&) const = default;
};

/// What ALTER can change about a table, as digests: to name what was changed during a job.
struct TableShape {
    std::string place;  // name, schema, persistence, parent, bounds
    std::string columns;
    std::string indexes;
    std::string constraints;
    std::string triggers;

    bool operator==(const TableShape&) const = default;
};

/// What differs, for people: "columns, indexes"; empty if nothing does.
std::string shape_changes(const TableShape& before, const TableShape& now);

/// An index of a table, with the constraint that it stands for.
struct IndexInfo {
    Oid oid = 0;
    std::string name;
    /// CREATE INDEX …, all names qualified.
    std::string definition;
    /// Of a table below 1 MB, as of its last ANALYZE.
    std::int64_t bytes = 0;
    /// Empty: the database's default.
    std::string tablespace;
    /// 0 if it belongs to no constraint.
    Oid constraint_oid = 0;
    std::string constraint_name;
    /// p, u or x as in pg_constraint, x also for a key WITHOUT OVERLAPS; empty for none.
    std::string constraint_kind;
    /// What follows ADD CONSTRAINT name, for kinds that can't adopt an index.
    std::string constraint_definition;
    bool deferrable = false;
    bool deferred = false;
    bool clustered = false;
    bool replica_identity = false;
    /// ALTER INDEX … SET STATISTICS per expression column: (column number, target).
    std::vector<std::pair<int, int>> statistics;
};

enum class TableKind { plain, partition, inheritance_child, extension_config };

struct TableInfo {
    Oid oid = 0;
    std::string schema;
    std::string name;
    TableKind kind = TableKind::plain;
    /// Without generated ones, in order.
    std::vector<Column> columns;
    /// Leading columns of the primary key, else of a unique not-null index; empty: keyless.
    std::vector<KeyColumn> key;
    /// True if `key` has all of that index's columns, i.e. names one row.
    bool key_is_complete = false;
    /// All columns of that same index; empty: keyless, the whole row is the key.
    std::vector<ApplyColumn> apply_key;
    /// The index behind apply_key; 0 if there is none.
    Oid apply_index = 0;
    TableShape shape;
    /// True if rows arrive by logical replication, which fires no statement triggers.
    bool subscribed = false;
    std::int64_t heap_bytes = 0;
    std::int64_t toast_bytes = 0;
    std::int64_t index_bytes = 0;
    /// From the last ANALYZE; below 0 if there was none.
    double row_estimate = -1;
    std::int64_t pages = 0;
    Oid filenode = 0;
    /// extension_config only: the extension's own filter, "WHERE …" or empty.
    std::string config_condition;
    /// Topmost partitioned table; its statistics cover its leaves'. Empty if none.
    std::string root_schema;
    std::string root_name;
    std::vector<IndexInfo> indexes;

    std::int64_t bytes() const { return heap_bytes + toast_bytes; }
    /// "schema"."name"
    std::string qualified() const;
    /// a, b — quoted.
    std::string column_list() const;
    /// " (a, b)" for COPY, or nothing for a table without columns, which has no other way to say
    /// so.
    std::string copy_columns() const;
    /// schema.name for people: quoted only where psql would.
    std::string display() const;
};

struct ForeignKey {
    Oid oid = 0;
    std::string name;
    /// The referencing table, qualified and quoted, and for people.
    std::string table;
    std::string table_display;
    /// FOREIGN KEY (…) REFERENCES …
    std::string definition;
    /// False if the source itself holds it NOT VALID.
    bool validated = true;
    bool on_partitioned = false;
    /// The referenced table, on the source; 0 in plans of older versions.
    Oid referenced_oid = 0;
};

/// schema.name for people: parts quoted only when they need it.
std::string display_name(const std::string& schema, const std::string& name);

}  // namespace pghaul::snapshot
