// What is compared with what: the tables of the plan as both servers have them now, their columns
// in a form that is the same on every server. Thread: made by one, then immutable.
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
    /// Leading columns of the key whose order is no matter of collation, so the same everywhere;
    /// empty unless an index on both sides begins with the first of them.
    std::vector<snapshot::KeyColumn> range_key;
    /// Pages of the heap and bytes with TOAST, on each side.
    std::array<std::int64_t, 2> pages = {};
    std::array<std::int64_t, 2> bytes = {};
};

/// copy (select … from only table where …) to stdout; `first` stands before the table's columns,
/// `last` behind them, e.g. "ctid".
std::string read_rows_sql(const VerifyTable& table, const std::string& condition,
                          const std::string& first = "", const std::string& last = "");

/// Asks both servers about the plan's tables. The result points into them.
std::vector<VerifyTable> describe_tables(io::Connection& source, io::Connection& target,
                                         const std::vector<snapshot::TablePlan>& tables);
std::vector<VerifyTable> describe_tables(io::Connection& source, io::Connection& target,
                                         std::vector<snapshot::TablePlan>&& tables) = delete;

}  // namespace pghaul::loader
