#include "io/copy_reader.hpp"

#include <libpq-fe.h>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

// A shorter COPY must not wait at its end for what never comes.
constexpr std::uint64_t kLongCopy = std::uint64_t{1} << 20;

}  // namespace

CopyReader::CopyReader(Connection& connection, std::string name, const std::string& copy_sql)
    : connection_(&connection), name_(std::move(name)) {
    connection.send({name_, copy_sql});
    for (;;) {
        const auto result = connection.next_result(query());
        if (!result) throw Error("statement did not start a copy").statement(name_);
        if (PQresultStatus(result.get()) == PGRES_COPY_OUT) return;
    }
}

void CopyReader::FreeMessage::operator()(char* message) const noexcept { PQfreemem(message); }

bool CopyReader::read(Block& block) {
    std::string_view message;
    while (block.bytes.size() < kBlockBytes && read_message(message)) {
        block.bytes.insert(block.bytes.end(), message.begin(), message.end());
        block.ends.push_back(static_cast<std::uint32_t>(block.bytes.size()));
        ++block.messages;
        message_.reset();  // a giant row must not be held twice
    }
    return !block.bytes.empty();
}

bool CopyReader::read_message(std::string_view& message) {
    PGconn* raw = connection_->raw();
    message_.reset();
    while (!ended_) {
        char* bytes = nullptr;
        const int length = PQgetCopyData(raw, &bytes, 1);
        if (length > 0) {
            message_.reset(bytes);
            bytes_ += static_cast<std::uint64_t>(length);
            looked_ = false;
            message = {bytes, static_cast<std::size_t>(length)};
            return true;
        }
        if (length == 0) {
            await_more();
            continue;
        }
        // -1: the end, or an error of the COPY that the next result tells.
        end_copy();
        ended_ = true;
    }
    return false;
}

/// An error that comes after the COPY's own end is about the one that follows.
void CopyReader::end_copy() {
    bool complete = false;
    try {
        while (const auto result = connection_->next_result(query())) {
            another_ = PQresultStatus(result.get()) == PGRES_COPY_OUT;
            if (another_) return;
            rows_ = std::atoll(PQcmdTuples(result.get()));
            complete = true;
        }
    } catch (const Error& error) {
        if (!complete || error.poisons_connection()) throw;
        next_failed_ = std::current_exception();
    }
}

bool CopyReader::next_copy() {
    if (next_failed_) std::rethrow_exception(next_failed_);
    if (!ended_ || !another_) return false;
    another_ = false;
    ended_ = false;
    rows_ = 0;
    bytes_ = 0;
    return true;
}

/// What has arrived already is taken without a wait. Then the wait of a long COPY is for more than
/// a packet: each time we are woken costs as much as several kB of rows.
void CopyReader::await_more() {
    if (looked_) {
        if (bytes_ < kLongCopy) {
            connection_->await_socket(false);
        } else {
            connection_->await_much();
        }
    }
    looked_ = !looked_;
    if (PQconsumeInput(connection_->raw()) == 0) throw connection_->broken(name_);
}

}  // namespace pghaul::io
