// What is compared with what: per table the columns in a form that is the same on every server, and
// ranges of the key that both servers understand alike, or the table as one.
//
// A range must hold the same rows on both sides. Keys are cut into ranges only where their order is
// no matter of collation; every other table is one range, which each side may still read in several
// pieces of its own, since the sums of rows do not depend on pieces.
// Thread: made by one, then immutable.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "loader/verify/result.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

/// What both sides share and what tells them apart, as far as reading rows goes.
struct Dialect {
    /// client_encoding of rows: bytes as they are stored where both databases agree, else UTF8.
    std::string rows_encoding = "UTF8";
    /// client_encoding for keys that are shown.
    std::string names_encoding = "UTF8";
    /// extra_float_digits for floats that only have a text form (inside of composites): from 12 on
    /// they are printed otherwise than before, so across that border they are compared rounded to
    /// 15 (float4: 6) digits.
    int extra_float_digits = 3;
};

Dialect dialect_of(io::Connection& source, io::Connection& target);

struct VerifyTable {
    const snapshot::TablePlan* plan = nullptr;
    /// See TableDifferences::problems; if there are any, the rows are not compared.
    std::vector<std::string> problems;
    /// In the order in which they are read: those of the key first.
    std::vector<std::string> columns;
    /// They as a select list.
    std::string list;
    /// Columns that tell a row; 0: keyless.
    int key_columns = 0;
    /// Columns of the key whose order is the same everywhere, and that an index leads on both
    /// sides.
    std::vector<snapshot::KeyColumn> range_key;
    /// Pages of the heap and bytes with TOAST, on each side.
    std::array<std::int64_t, 2> pages = {};
    std::array<std::int64_t, 2> bytes = {};
};

/// One range of one table: the unit of what is found to be equal or not.
struct Unit {
    const VerifyTable* table = nullptr;
    snapshot::KeyRange range;
    std::size_t buckets = 1;
    /// The conditions ("where …" or empty) by which each side reads it in pieces.
    std::array<std::vector<std::string>, 2> pieces;
    /// Of one side, estimated.
    std::array<std::int64_t, 2> bytes = {};

    std::string display() const;
};

/// copy (select … from only table where …) to stdout; `first` stands before the table's columns,
/// `last` behind them, e.g. "ctid".
std::string read_rows_sql(const VerifyTable& table, const std::string& condition,
                          const std::string& first = "", const std::string& last = "");

/// Asks both servers about the plan's tables.
std::vector<VerifyTable> describe_tables(io::Connection& source, io::Connection& target,
                                         const std::vector<snapshot::TablePlan>& tables);

/// Cuts the tables into units. small_ranges: into smaller ones than the copy's chunks, so that a
/// sample of them is one of rows too.
std::vector<Unit> cut_into_units(io::Connection& source, io::Connection& target,
                                 const std::vector<VerifyTable>& tables, bool small_ranges);

}  // namespace pghaul::loader
