#include "loader/copy_chunk.hpp"

#include <fmt/format.h>

#include "io/block.hpp"
#include "io/failpoint.hpp"
#include "io/relay.hpp"
#include "io/stow.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Chunk;
using snapshot::TablePlan;

// Rows larger than a block make blocks as large as themselves; two still overlap both servers.
constexpr std::size_t kLargeBlocksInFlight = 2;

}  // namespace

std::size_t blocks_in_flight(const TablePlan& table) {
    if (table.info.row_estimate < 1) return io::kBlocksInFlight;
    const double row_bytes = static_cast<double>(table.info.bytes()) / table.info.row_estimate;
    return row_bytes > static_cast<double>(io::kBlockBytes) ? kLargeBlocksInFlight
                                                            : io::kBlocksInFlight;
}

void lock_for_copy(io::CopySource& source, const CopyRequest& request) {
    const auto& table = request.table;
    source.execute(
        {"lock_table", "lock table only " + table.info.qualified() + " in access share mode"});
    const auto filenode = source.query_value(
        {"table_filenode",
         "select coalesce(pg_catalog.pg_relation_filenode($1::pg_catalog.oid), 0)"},
        {std::to_string(table.info.oid)});
    if (filenode == std::to_string(table.info.filenode)) return;
    // A rewritten or truncated heap looks empty to an older snapshot: rows would be lost in
    // silence.
    if (request.truncated_since != nullptr) {
        if ((*request.truncated_since)(table.info.oid)) return;
        throw snapshot::SnapshotLost(table.info.display() +
                                     " was rewritten after the snapshot was taken");
    }
    throw io::Error("the table was truncated or rewritten after the snapshot was taken")
        .exit_code(io::ExitCode::no_go)
        .hint(
            "raise max_locks_per_transaction on the source, so that all tables can be locked "
            "during the copy, and start again with --restart-copy");
}

namespace {

/// Has the source send the chunk's rows, in its own encoding.
std::unique_ptr<io::BlockReader> begin_reading(io::CopySource& source, const CopyRequest& request) {
    if (request.lock_table) lock_for_copy(source, request);
    return source.copy_out("copy_out",
                           io::switch_encoding(request.encoding, "session") +
                               copy_out_sql(request.table, request.chunk),
                           blocks_in_flight(request.table));
}

void end_reading(io::CopySource& source, const CopyRequest& request) {
    if (request.encoding == "UTF8") return;
    source.execute({"reset_encoding", "set client_encoding to 'UTF8'"});
}

}  // namespace

io::RowForm row_form(const TablePlan& table) {
    return table.format == snapshot::Format::binary ? io::RowForm::binary : io::RowForm::text;
}

std::string copy_out_sql(const TablePlan& table, const Chunk& chunk) {
    std::string condition = snapshot::predicate(table.chunk_key(), chunk.range);
    if (!condition.empty()) condition = " where " + condition;
    if (!table.info.config_condition.empty()) condition = " " + table.info.config_condition;
    const char* format = snapshot::name_of(table.format);
    if (condition.empty()) {
        return fmt::format("copy {}{} to stdout (format {})", table.info.qualified(),
                           table.info.copy_columns(), format);
    }
    return fmt::format("copy (select {} from only {}{}) to stdout (format {})",
                       table.info.column_list(), table.info.qualified(), condition, format);
}

std::string copy_in_sql(const TablePlan& table) {
    const std::string truncate =
        table.freeze ? "truncate only " + table.info.qualified() + "; " : std::string();
    return fmt::format("{}copy {}{} from stdin (format {}{})", truncate, table.info.qualified(),
                       table.info.copy_columns(), snapshot::name_of(table.format),
                       table.freeze ? ", freeze true" : "");
}

snapshot::LoadedChunk copy_chunk(io::CopySource& source, io::CopyTarget& target,
                                 const CopyRequest& request, io::StreamProgress& progress,
                                 const io::Interrupt& interrupt) {
    std::unique_ptr<io::BlockReader> reader;
    {
        const io::Waiting waiting(progress.source_time());
        reader = begin_reading(source, request);
    }
    auto loaded = load_chunk(*reader, target, request, progress, interrupt);
    end_reading(source, request);
    return loaded;
}

void spool_chunk(io::CopySource& source, io::SpoolWriter& file, const CopyRequest& request,
                 const std::function<void(std::uint64_t file_bytes)>& room,
                 const io::Interrupt& interrupt) {
    const auto reader = begin_reading(source, request);
    io::stow(*reader, file, blocks_in_flight(request.table), room, interrupt);
    end_reading(source, request);
    file.seal(static_cast<std::uint64_t>(reader->rows()));
}

snapshot::LoadedChunk load_chunk(io::BlockReader& rows, io::CopyTarget& target,
                                 const CopyRequest& request, io::StreamProgress& progress,
                                 const io::Interrupt& interrupt) {
    const auto& table = request.table;
    auto& writer = target.copy_in(
        "copy_in", io::switch_encoding(request.encoding, "local") + copy_in_sql(table));
    const auto sent =
        io::relay(rows, writer, row_form(table), blocks_in_flight(table), progress, interrupt);
    io::failpoint(io::Failpoint::copy_after_read);

    std::int64_t written = 0;
    {
        const io::Waiting waiting(progress.target_time());
        written = writer.finish();
    }
    if (written != rows.rows() || sent.rows.rows != static_cast<std::uint64_t>(written)) {
        throw io::Error(
            fmt::format("the source sent {} rows but the target took {}", rows.rows(), written))
            .hint("look for a trigger or rule on the target's table that drops or adds rows");
    }
    if (request.encoding != "UTF8") {
        target.connection().execute({"reset_encoding", "set local client_encoding to 'UTF8'"});
    }
    progress.add_rows(sent.rows.rows);
    return {table.number, request.chunk.number, sent.rows, static_cast<std::int64_t>(sent.bytes)};
}

}  // namespace pghaul::loader
