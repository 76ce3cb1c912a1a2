#include "io/copy_reader.hpp"

#include <libpq-fe.h>

#include "io/error.hpp"

namespace pghaul::io {

CopyReader::CopyReader(Connection& connection, std::string name, const std::string& copy_sql)
    : connection_(&connection), name_(std::move(name)) {
    connection.send({name_, copy_sql});
    for (;;) {
        const auto result = connection.next_result(query());
        if (!result) throw Error("statement did not start a copy").statement(name_);
        if (PQresultStatus(result.get()) == PGRES_COPY_OUT) return;
    }
}

bool CopyReader::read(Block& block) {
    PGconn* raw = connection_->raw();
    while (!ended_ && block.bytes.size() < kBlockBytes) {
        char* message = nullptr;
        const int length = PQgetCopyData(raw, &message, 1);
        if (length > 0) {
            block.bytes.insert(block.bytes.end(), message, message + length);
            ++block.messages;
            PQfreemem(message);
        } else if (length == 0) {
            connection_->await_socket(false);
            if (PQconsumeInput(raw) == 0) throw connection_->broken(name_);
        } else {
            // -1: the end, or an error of the COPY that the next result tells.
            while (const auto result = connection_->next_result(query())) {
                rows_ = std::atoll(PQcmdTuples(result.get()));
            }
            ended_ = true;
        }
    }
    return !block.bytes.empty();
}

}  // namespace pghaul::io
