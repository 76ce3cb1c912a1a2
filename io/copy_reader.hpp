// COPY … TO STDOUT as a sequence of blocks, or message by message. Destroying it early leaves the
// connection busy, and the connection's own destructor cancels on the server: a reader is never
// drained.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/block.hpp"
#include "io/connection.hpp"

namespace pghaul::io {

class CopyReader {
  public:
    /// Starts the COPY. Throws: Error.
    CopyReader(Connection& connection, std::string name, const std::string& copy_sql);

    /// Fills an empty block. Returns false when the stream has ended and the block is empty.
    bool read(Block& block);
    /// The next message as the server sent it: one row (the binary format's header rides on the
    /// first, its trailer is the last). Lives until the next call. Returns false at the end.
    bool read_message(std::string_view& message);
    /// Rows as the server's command tag counts them; valid after read() returned false.
    std::int64_t rows() const noexcept { return rows_; }

  private:
    struct FreeMessage {
        void operator()(char* message) const noexcept;
    };
    Query query() const { return {name_, {}}; }

    Connection* connection_;
    std::string name_;
    std::unique_ptr<char, FreeMessage> message_;
    std::int64_t rows_ = 0;
    bool ended_ = false;
};

}  // namespace pghaul::io
