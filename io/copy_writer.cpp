#include "io/copy_writer.hpp"

#include <libpq-fe.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "io/error.hpp"

namespace pghaul::io {

CopyWriter::CopyWriter(Connection& connection, std::string name, const std::string& copy_sql)
    : connection_(&connection), name_(std::move(name)) {
    connection.send({name_, copy_sql});
    for (;;) {
        const auto result = connection.next_result(query());
        if (!result) throw Error("statement did not start a copy").statement(name_);
        if (PQresultStatus(result.get()) == PGRES_COPY_IN) return;
    }
}

void CopyWriter::write(const Block& block) {
    PGconn* raw = connection_->raw();
    // A server whose COPY failed throws the rest away as fast as we send it: then flushing below
    // never waits, so it must be asked for here.
    if (connection_->has_unread_answer()) fail_with_server_error();
    const int queued = PQputCopyData(raw, block.bytes.data(), static_cast<int>(block.bytes.size()));
    if (queued < 0) fail_with_server_error();
    // 0: in non-blocking mode libpq could not enlarge its buffer, and took nothing.
    if (queued == 0) throw Error("out of memory").statement(name_).poisons_connection(true);
    // Flush before the next block: in non-blocking mode libpq would otherwise keep growing its
    // buffer, and an error would be seen only after the rest of the table.
    for (int flushed = PQflush(raw); flushed != 0; flushed = PQflush(raw)) {
        if (flushed < 0) fail_with_server_error();
        // A server in COPY IN is silent (client_min_messages is error) unless the COPY failed.
        if (connection_->await_socket(true)) fail_with_server_error();
    }
}

std::int64_t CopyWriter::finish() {
    if (PQputCopyEnd(connection_->raw(), nullptr) < 0) fail_with_server_error();
    std::optional<std::int64_t> rows;
    try {
        while (const auto result = connection_->next_result(query())) {
            another_ = PQresultStatus(result.get()) == PGRES_COPY_IN;
            if (another_) break;
            // What stands before the next COPY answers, too.
            if (!rows) rows = std::atoll(PQcmdTuples(result.get()));
        }
    } catch (const Error& error) {
        // One that comes after the COPY's own end is about what follows.
        if (!rows || error.poisons_connection()) throw;
        next_failed_ = std::current_exception();
    }
    return rows.value_or(0);
}

bool CopyWriter::next_copy() {
    if (next_failed_) std::rethrow_exception(next_failed_);
    return std::exchange(another_, false);
}

void CopyWriter::fail_with_server_error() {
    PGconn* raw = connection_->raw();
    if (PQconsumeInput(raw) == 0) throw connection_->broken(name_);
    // If the server has failed already, its own error is the answer to this; if it only sent a
    // parameter change, the COPY ends with 57014, which the lane retries.
    if (PQputCopyEnd(raw, "pghaul gave up this copy") < 0) throw connection_->broken(name_);
    while (connection_->next_result(query())) {
    }
    throw connection_->broken(name_);
}

}  // namespace pghaul::io
