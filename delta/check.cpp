#include "delta/check.hpp"

#include <fmt/format.h>

#include "io/error.hpp"
#include "io/row_hash.hpp"
#include "io/row_reader.hpp"

namespace pghaul::delta {
namespace {

using snapshot::TableInfo;

/// Values as every server writes them: binary where that form is the same everywhere, else as the
/// text of a record, so that null differs from empty.
std::string comparable_columns(const TableInfo& table) {
    std::string text;
    for (const auto& column : table.columns) {
        const auto name = "t." + io::quote_ident(column.name);
        text += (text.empty() ? "" : ", ") +
                (column.binary_safe ? name : "row(" + name + ")::pg_catalog.text");
    }
    return text;
}

io::RowSum sum_of(io::Connection& connection, const std::string& select,
                  const std::string& encoding, io::StreamProgress& progress) {
    io::RowSum sum;
    io::RowReader rows(connection, "copy (" + select + ") to stdout (format binary)", encoding,
                       progress);
    for (std::string_view fields; rows.next(fields);) sum.add(io::hash_row(fields, 0).row);
    return sum;
}

}  // namespace

void check_applied(io::Connection& source, io::Connection& target, const CaptureSite& site,
                   const Window& window, const Pending& pending, Slice slice,
                   const std::string& stage, const std::string& encoding,
                   io::StreamProgress& progress) {
    const auto& table = pending.table->info;
    if (table.columns.empty()) return;
    const auto columns = comparable_columns(table);
    const auto there =
        sum_of(source, current_rows_sql(site, window, table, slice, columns), encoding, progress);
    const auto here = sum_of(target, staged_rows_sql(table, stage, columns), encoding, progress);
    if (there == here) return;
    throw io::Error(fmt::format("the rows of the changed keys differ: {} on the source, {} on the "
                                "target{}",
                                there.rows, here.rows,
                                there.rows == here.rows ? ", with other contents" : ""))
        .exit_code(io::ExitCode::differences)
        .hint(
            "look for a trigger, rule or generated default on the target's table that changes "
            "rows; pghaul verify names them");
}

}  // namespace pghaul::delta
