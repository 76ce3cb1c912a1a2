#include "loader/read_back.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "io/failpoint.hpp"
#include "io/row_sums.hpp"
#include "loader/copy_chunk.hpp"
#include "snapshot/cut.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using io::RowSum;
using snapshot::Proof;
using snapshot::TablePlan;

// ctid range scans read just their pages from this version on.
constexpr int kTidRangeScans = 14;

/// The pages of one piece; the last has no end. They stay the same while nobody writes.
std::string pages_of(Connection& target, const TablePlan& table, int piece, int pieces) {
    if (pieces == 1) return table.info.config_condition;
    snapshot::TableInfo info;
    info.pages = target
                     .query_row({"count_pages", R"sql(
                           select pg_catalog.pg_relation_size($1::pg_catalog.regclass)
                                  / pg_catalog.current_setting('block_size')::pg_catalog.int8
                       )sql"},
                                {table.info.qualified()})
                     .integer(0, 0);
    const auto ranges = snapshot::tile(snapshot::cut_by_page(info, pieces));
    if (static_cast<std::size_t>(piece) >= ranges.size()) return "where false";
    return "where " +
           snapshot::predicate(snapshot::ctid_key(), ranges.at(static_cast<std::size_t>(piece)));
}

std::string copy_sql(const TablePlan& table, const std::string& condition) {
    const char* format = snapshot::name_of(table.format);
    return condition.empty()
               ? fmt::format("copy {}{} to stdout (format {})", table.info.qualified(),
                             table.info.copy_columns(), format)
               : fmt::format("copy (select {} from only {} {}) to stdout (format {})",
                             table.info.column_list(), table.info.qualified(), condition, format);
}

Proof proof_of(const TablePlan& table, const RowSum& sent, const RowSum& there) {
    if (sent == there) return Proof::read_back;
    spdlog::warn("{}: {} rows were sent, {} are there{}; both servers will be compared",
                 table.info.display(), sent.rows, there.rows,
                 sent.rows == there.rows ? " with another text" : "");
    return Proof::differences;
}

}  // namespace

int ReadBack::pieces(const TablePlan& table, int target_major) {
    const bool by_pages =
        target_major >= kTidRangeScans && table.info.kind != snapshot::TableKind::extension_config;
    return by_pages ? std::max(1, static_cast<int>(table.chunks.size())) : 1;
}

std::vector<Proof> ReadBack::read_whole(Connection& target, const std::vector<Sent>& sent,
                                        io::StreamProgress& progress,
                                        const io::Interrupt& interrupt) const {
    std::string sql = io::switch_encoding(encoding_, "session");
    for (const auto& one : sent) {
        sql += copy_sql(*one.table, one.table->info.config_condition) + ";\n";
    }
    std::vector<Proof> proofs;
    try {
        io::CopyReader reader(target, "read_back", sql);
        for (const auto& one : sent) {
            const auto there = io::sum_of_copy(reader, row_form(*one.table), progress, interrupt);
            proofs.push_back(proof_of(*one.table, one.rows, there));
            reader.next_copy();
        }
    } catch (io::Error& error) {
        error.context("read back " + sent.at(proofs.size()).table->info.display());
        throw;
    }
    reset_encoding(target);
    return proofs;
}

void ReadBack::reset_encoding(Connection& target) const {
    if (encoding_ != "UTF8") {
        target.execute({"reset_encoding", "set client_encoding to 'UTF8'"});
    }
}

void ReadBack::read_piece(Connection& target, const TablePlan& table, int piece, int pieces,
                          io::StreamProgress& progress, const io::Interrupt& interrupt) {
    io::CopyReader reader(target, "read_back",
                          io::switch_encoding(encoding_, "session") +
                              copy_sql(table, pages_of(target, table, piece, pieces)));
    const auto sum = io::sum_of_copy(reader, row_form(table), progress, interrupt);
    reset_encoding(target);
    RowSum there;
    {
        const std::lock_guard guard(mutex_);
        auto& sums = sums_[table.number];
        sums.resize(static_cast<std::size_t>(pieces));
        sums[static_cast<std::size_t>(piece)] = sum;
        if (!std::all_of(sums.begin(), sums.end(), [](const auto& one) { return one; })) return;
        for (const auto& one : sums) there.add(*one);
    }
    io::failpoint(io::Failpoint::read_back_before_mark);
    const auto sent = snapshot::sent_rows(target, job_, table.number);
    snapshot::mark_proof(target, job_, {table.number}, proof_of(table, sent, there));
}

}  // namespace pghaul::loader
