#include "loader/export_chunk.hpp"

#include <fmt/format.h>

#include "io/failpoint.hpp"
#include "io/spool_writer.hpp"
#include "io/sql.hpp"
#include "io/store.hpp"
#include "loader/export_files.hpp"
#include "loader/large_object_file.hpp"

namespace pghaul::loader {
namespace {

snapshot::SealedFile seal(io::SpoolWriter& writer, const ExportTo& to, std::uint64_t rows) {
    io::failpoint(io::Failpoint::export_before_seal);
    const snapshot::SealedFile so_far{static_cast<std::uint32_t>(to.snapshot), writer.totals()};
    writer.seal(rows, so_far.bytes() >= kSyncedAlone);
    io::failpoint(io::Failpoint::export_after_seal);
    return {static_cast<std::uint32_t>(to.snapshot), writer.totals()};
}

}  // namespace

snapshot::SealedFile export_chunk(io::CopySource& source, const CopyRequest& request,
                                  const ExportTo& to, io::StreamProgress& progress,
                                  const io::Interrupt& interrupt) {
    const auto& table = request.table;
    if (request.lock_table) lock_for_copy(source, request);
    io::SpoolWriter writer(to.folder + "/" + rows_file(table.number, request.chunk.number),
                           rows_id(to.export_id, table.number, request.chunk.number, to.snapshot));
    const auto in_flight = blocks_in_flight(table);
    const auto reader = source.copy_out(
        "copy_out",
        io::switch_encoding(request.encoding, "session") + copy_out_sql(table, request.chunk),
        in_flight);
    const auto sent = io::store(*reader, writer, row_form(table), in_flight, progress, interrupt);
    if (sent.rows.rows != static_cast<std::uint64_t>(reader->rows())) {
        throw io::Error(fmt::format("the source sent {} rows but says that it sent {}",
                                    sent.rows.rows, reader->rows()));
    }
    if (request.encoding != "UTF8") {
        source.execute({"reset_encoding", "set client_encoding to 'UTF8'"});
    }
    const auto sealed = seal(writer, to, sent.rows.rows);
    progress.add_rows(sent.rows.rows);
    return sealed;
}

snapshot::SealedFile export_large_objects(io::Connection& source,
                                          const snapshot::LargeObjectChunk& part,
                                          const ExportTo& to, io::StreamProgress& progress) {
    io::SpoolWriter writer(to.folder + "/" + objects_file(part.number),
                           objects_id(to.export_id, part.number, to.snapshot));
    const auto result = store_large_objects(source, part.first, part.last, writer, progress);
    return seal(writer, to, static_cast<std::uint64_t>(result.objects));
}

}  // namespace pghaul::loader
