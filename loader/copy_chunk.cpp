#include "loader/copy_chunk.hpp"

#include <fmt/format.h>
#include <oneapi/tbb/parallel_pipeline.h>

#include <vector>

#include "io/block.hpp"
#include "io/copy_reader.hpp"
#include "io/copy_writer.hpp"
#include "io/failpoint.hpp"

namespace pghaul::loader {
namespace {

using io::Block;
using snapshot::Chunk;
using snapshot::TablePlan;

// Enough to ride out a pause of either server of some milliseconds; 8 * 256 kB = 2 MB per stream.
constexpr std::size_t kBlocksInFlight = 8;
// Rows larger than a block make blocks as large as themselves; two still overlap both servers.
constexpr std::size_t kLargeBlocksInFlight = 2;

std::size_t blocks_in_flight(const TablePlan& table) {
    if (table.info.row_estimate < 1) return kBlocksInFlight;
    const double row_bytes = static_cast<double>(table.info.bytes()) / table.info.row_estimate;
    return row_bytes > static_cast<double>(io::kBlockBytes) ? kLargeBlocksInFlight
                                                             : kBlocksInFlight;
}

/// " (a, b)", or nothing for a table without columns, which has no other way to say so.
std::string column_list(const TablePlan& table) {
    std::vector<std::string> names;
    for (const auto& column : table.info.columns) names.push_back(column.name);
    return names.empty() ? "" : " (" + io::quote_ident_list(names) + ")";
}

/// "set client_encoding …; " when rows travel in another encoding than our statements. It stands in
/// the same message as the COPY, which the server has converted by then.
std::string switch_encoding(const std::string& encoding, const char* scope) {
    if (encoding == "UTF8") return {};
    return fmt::format("set {} client_encoding to {}; ", scope, io::quote_literal(encoding));
}

/// Carries all blocks from reader to writer, reading and writing at the same time.
std::uint64_t relay(io::CopyReader& reader, io::CopyWriter& writer, std::size_t in_flight,
                    io::StreamProgress& progress, const io::Interrupt& interrupt) {
    // The pipeline has at most in_flight tokens and both filters keep order, so a block is
    // written before its place in the ring is filled again.
    std::vector<Block> ring(in_flight);
    std::size_t next = 0;
    std::uint64_t bytes = 0;

    const auto read = [&](tbb::flow_control& control) -> Block* {
        interrupt.check();
        Block& block = ring[next++ % ring.size()];
        block.bytes.clear();
        block.messages = 0;
        if (!reader.read(block)) {
            control.stop();
            return nullptr;
        }
        return &block;
    };
    const auto write = [&](Block* block) {
        writer.write(*block);
        bytes += block->bytes.size();
        progress.add_bytes(block->bytes.size());
        // One giant row must not keep its room for the rest of the chunk.
        if (block->bytes.capacity() > 4 * io::kBlockBytes) std::vector<char>().swap(block->bytes);
    };
    tbb::parallel_pipeline(
        in_flight,
        tbb::make_filter<void, Block*>(tbb::filter_mode::serial_in_order, read) &
            tbb::make_filter<Block*, void>(tbb::filter_mode::serial_in_order, write));
    return bytes;
}

void lock_and_check(io::Connection& source, const TablePlan& table) {
    source.execute(
        {"lock_table", "lock table only " + table.info.qualified() + " in access share mode"});
    const auto filenode = source.query_value(
        {"table_filenode",
         "select coalesce(pg_catalog.pg_relation_filenode($1::pg_catalog.oid), 0)"},
        {std::to_string(table.info.oid)});
    if (filenode == std::to_string(table.info.filenode)) return;
    // A rewritten or truncated heap looks empty to an older snapshot: rows would be lost in
    // silence.
    throw io::Error("the table was truncated or rewritten after the snapshot was taken")
        .exit_code(io::ExitCode::no_go)
        .hint(
            "raise max_locks_per_transaction on the source, so that all tables can be locked "
            "during the copy, and start again with --restart-copy");
}

}  // namespace

std::string copy_out_sql(const TablePlan& table, const Chunk& chunk) {
    std::string condition = snapshot::predicate(table.chunk_key(), chunk.range);
    if (!condition.empty()) condition = " where " + condition;
    if (!table.info.config_condition.empty()) condition = " " + table.info.config_condition;
    const char* format = snapshot::name_of(table.format);
    if (condition.empty()) {
        return fmt::format("copy {}{} to stdout (format {})", table.info.qualified(),
                           column_list(table), format);
    }
    std::vector<std::string> names;
    for (const auto& column : table.info.columns) names.push_back(column.name);
    return fmt::format("copy (select {} from only {}{}) to stdout (format {})",
                       io::quote_ident_list(names), table.info.qualified(), condition, format);
}

std::string copy_in_sql(const TablePlan& table) {
    const std::string truncate =
        table.freeze ? "truncate only " + table.info.qualified() + "; " : std::string();
    return fmt::format("{}copy {}{} from stdin (format {}{})", truncate, table.info.qualified(),
                       column_list(table), snapshot::name_of(table.format),
                       table.freeze ? ", freeze true" : "");
}

std::int64_t copy_chunk(io::Connection& source, io::Connection& target, const CopyRequest& request,
                        const snapshot::JobTicket& ticket, io::StreamProgress& progress,
                        const io::Interrupt& interrupt) {
    const auto& table = request.table;
    if (request.lock_table) lock_and_check(source, table);

    io::CopyReader reader(
        source, "copy_out",
        switch_encoding(request.encoding, "session") + copy_out_sql(table, request.chunk));
    io::CopyWriter writer(target, "copy_in",
                          switch_encoding(request.encoding, "local") + copy_in_sql(table));
    const auto bytes = relay(reader, writer, blocks_in_flight(table), progress, interrupt);
    io::failpoint(io::Failpoint::copy_after_read);

    const auto written = writer.finish();
    if (written != reader.rows()) {
        throw io::Error(
            fmt::format("the source sent {} rows but the target took {}", reader.rows(), written))
            .hint("look for a trigger or rule on the target's table that drops or adds rows");
    }
    if (request.encoding != "UTF8") {
        source.execute({"reset_encoding", "set client_encoding to 'UTF8'"});
        target.execute({"reset_encoding", "set local client_encoding to 'UTF8'"});
    }
    io::failpoint(io::Failpoint::copy_before_mark);
    snapshot::mark_loaded(target, ticket, table.number, request.chunk.number, written,
                          static_cast<std::int64_t>(bytes));
    progress.add_rows(static_cast<std::uint64_t>(written));
    return written;
}

}  // namespace pghaul::loader
