#include "delta/applier.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "delta/check.hpp"
#include "delta/triggers.hpp"
#include "io/copy_reader.hpp"
#include "io/copy_writer.hpp"
#include "io/relay.hpp"

namespace pghaul::delta {
namespace {

using snapshot::TableInfo;
using snapshot::TablePlan;

/// d.k1, d.k2
std::string delta_columns(const TableInfo& table, const std::string& alias) {
    std::string text;
    const auto count = captured_columns(table).size();
    for (std::size_t i = 1; i <= count; ++i) {
        text += fmt::format("{}{}.k{}", text.empty() ? "" : ", ", alias, i);
    }
    return text;
}

/// t."a", t."b"
std::string table_columns(const TableInfo& table, const std::string& alias) {
    std::string text;
    for (const auto& column : table.columns) {
        text += (text.empty() ? "" : ", ") + alias + "." + io::quote_ident(column.name);
    }
    return text;
}

/// The whole row as one value that any type can be part of. Two rows are the same if and only if
/// their texts are; each server compares only texts that it has made itself.
std::string whole_row(const std::string& columns) {
    return "pg_catalog.md5(row(" + columns + ")::pg_catalog.text)";
}

std::string in_slice(const TableInfo& table, Slice slice) {
    if (slice.count == 1) return {};
    return fmt::format(
        " and (pg_catalog.hashtext(row({})::pg_catalog.text) & 2147483647) % {} = {}",
        delta_columns(table, "d"), slice.count, slice.number);
}

/// t."id" operator(pg_catalog.=) k.k1 and …
std::string same_key(const TableInfo& table, const std::string& row, const std::string& key) {
    std::string condition;
    int number = 0;
    for (const auto& column : table.apply_key) {
        condition += fmt::format("{}{}.{} {} {}.k{}", condition.empty() ? "" : " and ", row,
                                 io::quote_ident(column.name), column.equals, key, ++number);
    }
    return condition;
}

/// Without a key there is no index: one pass over the table with a hash of the touched rows.
constexpr const char* kScan = "set local enable_seqscan to on; set local enable_hashjoin to on; ";
constexpr const char* kNoScan =
    "set local enable_seqscan to off; set local enable_hashjoin to off; ";

std::string stage_name(const TablePlan& table) {
    return fmt::format("pg_temp.stage_{}", table.number);
}

}  // namespace

bool can_slice(const TableInfo& table) {
    return std::all_of(table.apply_key.begin(), table.apply_key.end(),
                       [](const auto& column) { return column.text_tells; });
}

std::vector<std::pair<std::string, std::string>> apply_settings() {
    return {{"max_parallel_workers_per_gather", "0"},
            {"jit", "off"},
            {"enable_seqscan", "off"},
            {"enable_hashjoin", "off"},
            {"enable_mergejoin", "off"},
            {"synchronous_commit", "on"}};
}

std::string touched_keys_sql(const CaptureSite& site, const Window& window, const TableInfo& table,
                             Slice slice) {
    // Rows of any type: json and its like have no equality to be told apart by.
    const char* distinct = table.apply_key.empty() ? "" : "distinct ";
    return fmt::format("select {}{} from {} as d where {}{}", distinct, delta_columns(table, "d"),
                       delta_table(site, table.oid), not_visible_in(window.from, "d"),
                       in_slice(table, slice));
}

std::string current_rows_sql(const CaptureSite& site, const Window& window, const TableInfo& table,
                             Slice slice, const std::string& chosen) {
    const auto columns = chosen.empty() ? table_columns(table, "t") : chosen;
    if (table.apply_key.empty()) {
        return fmt::format(
            "select {} from only {} as t where {} in (select {} from {} as d where {}{})", columns,
            table.qualified(), whole_row(table_columns(table, "t")),
            whole_row(delta_columns(table, "d")), delta_table(site, table.oid),
            not_visible_in(window.from, "d"), in_slice(table, slice));
    }
    // In key order, so that index and heap pages are read once.
    return fmt::format("select {} from ({} order by {}) as k join only {} as t on {}", columns,
                       touched_keys_sql(site, window, table, slice), delta_columns(table, "d"),
                       table.qualified(), same_key(table, "t", "k"));
}

std::string staged_rows_sql(const TableInfo& table, const std::string& stage,
                            const std::string& columns) {
    if (table.apply_key.empty()) {
        return fmt::format("select {} from only {} as t where {} in (select {} from {} as k)",
                           columns, table.qualified(), whole_row(table_columns(table, "t")),
                           whole_row(delta_columns(table, "k")), stage);
    }
    return fmt::format("select {} from {} as k join only {} as t on {}", columns, stage,
                       table.qualified(), same_key(table, "t", "k"));
}

std::string delete_sql(const TableInfo& table, const std::string& stage) {
    if (table.apply_key.empty()) {
        return fmt::format(
            "delete from only {} as t using (select distinct {} as row from {} as k) "
            "as k where {} = k.row",
            table.qualified(), whole_row(delta_columns(table, "k")), stage,
            whole_row(table_columns(table, "t")));
    }
    return fmt::format("delete from only {} as t using {} as k where {}", table.qualified(), stage,
                       same_key(table, "t", "k"));
}

Applier::Applier(io::Connection& source, io::Connection& target, const CaptureSite& site,
                 const std::string& encoding, io::StreamProgress& progress,
                 const io::Interrupt& interrupt)
    : source_(source),
      target_(target),
      site_(site),
      encoding_(encoding),
      progress_(progress),
      interrupt_(interrupt) {}

io::RowSum Applier::carry(const char* name, snapshot::Format format, const std::string& copy_out,
                          const std::string& copy_in) {
    io::CopyReader reader(source_, name, io::switch_encoding(encoding_, "local") + copy_out);
    io::CopyWriter writer(target_, name, io::switch_encoding(encoding_, "local") + copy_in);
    const auto form = format == snapshot::Format::binary ? io::RowForm::binary : io::RowForm::text;
    const auto sent = io::relay(reader, writer, form, io::kBlocksInFlight, progress_, interrupt_);
    const auto written = writer.finish();
    if (written != reader.rows()) {
        throw io::Error(
            fmt::format("the source sent {} rows but the target took {}", reader.rows(), written))
            .statement(name)
            .hint("look for a trigger or rule on the target's table that drops or adds rows");
    }
    if (encoding_ != "UTF8") {
        source_.execute({"reset_encoding", "set local client_encoding to 'UTF8'"});
        target_.execute({"reset_encoding", "set local client_encoding to 'UTF8'"});
    }
    return sent.rows;
}

void Applier::allow_scans(const Pending& pending, bool allowed) {
    if (!pending.table->info.apply_key.empty()) return;
    for (auto* connection : {&source_, &target_}) {
        connection->execute({"allow_scans", allowed ? kScan : kNoScan});
    }
}

/// The rows that the target has of the staged keys, in the form in which they were sent.
io::RowSum Applier::staged_rows(const TablePlan& table) {
    std::string columns;
    for (const auto& column : table.info.columns) {
        columns += (columns.empty() ? "t." : ", t.") + io::quote_ident(column.name);
    }
    const auto format = table.format;
    io::CopyReader reader(target_, "staged_rows",
                          io::switch_encoding(encoding_, "local") +
                              fmt::format("copy ({}) to stdout (format {})",
                                          staged_rows_sql(table.info, stage_name(table), columns),
                                          snapshot::name_of(format)));
    const auto sum = io::sum_of_copy(
        reader, format == snapshot::Format::binary ? io::RowForm::binary : io::RowForm::text,
        progress_, interrupt_);
    if (encoding_ != "UTF8") {
        target_.execute({"reset_encoding", "set local client_encoding to 'UTF8'"});
    }
    return sum;
}

std::int64_t Applier::insert_checked(const Window& window, const Pending& pending, Slice slice) {
    const auto& table = *pending.table;
    const auto rows = insert_current(window, pending, slice);
    if (table.info.columns.empty()) return rows;
    if (staged_now_ != std::pair(table.number, slice)) stage_keys(window, pending, slice);
    allow_scans(pending, true);
    // Values of some types have another text on another version: then both sides are read again.
    if (staged_rows(table) != inserted_) {
        check_applied(source_, target_, site_, window, pending, slice, stage_name(table), encoding_,
                      progress_);
    }
    allow_scans(pending, false);
    return rows;
}

/// A temporary table for the touched keys, empty; made once in a session.
std::string Applier::stage(const TablePlan& table) {
    const auto name = stage_name(table);
    if (!staged_.insert(table.number).second) {
        target_.execute({"empty_stage", "truncate " + name});
        return name;
    }
    std::string columns;
    int number = 0;
    for (const auto& column : captured_columns(table.info)) {
        columns += fmt::format("{}{} as k{}", columns.empty() ? "" : ", ", io::quote_ident(column),
                               ++number);
    }
    target_.execute({"make_stage", fmt::format("drop table if exists {0}; create temporary table "
                                               "{0} as select {1} from only {2} with no data",
                                               name, columns, table.info.qualified())});
    return name;
}

void Applier::empty_table(const Pending& pending) {
    const auto& table = pending.table->info;
    // TRUNCATE refuses where a foreign key refers to the table, even one that is not enforced in
    // this session.
    const bool referenced = target_
                                .query_row({"is_referenced", R"sql(
                           select exists (
                               select 1
                                 from pg_catalog.pg_constraint
                                where confrelid = pg_catalog.to_regclass($1)
                                  and conrelid <> confrelid
                                  and contype = 'f')
                       )sql"},
                                           {table.qualified()})
                                .boolean(0, 0);
    target_.execute(
        {"empty_table", (referenced ? "delete from only " : "truncate only ") + table.qualified()});
}

io::RowSum Applier::copy_all(const Pending& pending) {
    const auto& table = *pending.table;
    const auto format = snapshot::name_of(table.format);
    return carry("copy_all", table.format,
                 fmt::format("copy {}{} to stdout (format {})", table.info.qualified(),
                             table.info.copy_columns(), format),
                 fmt::format("copy {}{} from stdin (format {})", table.info.qualified(),
                             table.info.copy_columns(), format));
}

std::int64_t Applier::stage_keys(const Window& window, const Pending& pending, Slice slice) {
    const auto& table = *pending.table;
    const auto format = snapshot::name_of(table.format);
    staged_now_.reset();
    const auto staged = stage(table);
    const auto keys = carry("touched_keys", table.format,
                            fmt::format("copy ({}) to stdout (format {})",
                                        touched_keys_sql(site_, window, table.info, slice), format),
                            fmt::format("copy {} from stdin (format {})", staged, format));
    staged_now_ = {table.number, slice};
    return static_cast<std::int64_t>(keys.rows);
}

std::int64_t Applier::delete_touched(const Window& window, const Pending& pending, Slice slice) {
    const auto keys = stage_keys(window, pending, slice);
    allow_scans(pending, true);
    target_.execute(
        {"delete_touched", delete_sql(pending.table->info, stage_name(*pending.table))});
    allow_scans(pending, false);
    return keys;
}

std::int64_t Applier::append_inserted(const Window& window, const Pending& pending) {
    const auto& table = *pending.table;
    const auto format = snapshot::name_of(table.format);
    const auto sent = carry("inserted_rows", table.format,
                            fmt::format("copy ({}) to stdout (format {})",
                                        touched_keys_sql(site_, window, table.info, {}), format),
                            fmt::format("copy {}{} from stdin (format {})", table.info.qualified(),
                                        table.info.copy_columns(), format));
    return static_cast<std::int64_t>(sent.rows);
}

std::int64_t Applier::insert_current(const Window& window, const Pending& pending, Slice slice) {
    const auto& table = *pending.table;
    const auto format = snapshot::name_of(table.format);
    allow_scans(pending, true);
    inserted_ = carry("current_rows", table.format,
                      fmt::format("copy ({}) to stdout (format {})",
                                  current_rows_sql(site_, window, table.info, slice), format),
                      fmt::format("copy {}{} from stdin (format {})", table.info.qualified(),
                                  table.info.copy_columns(), format));
    allow_scans(pending, false);
    return static_cast<std::int64_t>(inserted_.rows);
}

}  // namespace pghaul::delta
