// COPY … TO STDOUT as a sequence of blocks, or message by message. Destroying it early leaves the
// connection busy, and the connection's own destructor cancels on the server: a reader is never
// drained.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "io/copy_source.hpp"

namespace pghaul::io {

class CopyReader : public BlockReader {
  public:
    /// Starts the COPY. copy_sql: may hold several, one after the other. Throws: Error.
    CopyReader(Connection& connection, std::string name, const std::string& copy_sql);

    /// At the end of a COPY: whether another follows, which is then the one that is read.
    /// Throws: Error if that could not be started.
    bool next_copy();

    /// Blocks are COPY messages as they are; unpack() has nothing to do.
    bool read(Block& block) override;
    /// The next message as the server sent it: one row (the binary format's header rides on the
    /// first, its trailer is the last). Lives until the next call. Returns false at the end.
    bool read_message(std::string_view& message);
    std::int64_t rows() const noexcept override { return rows_; }

  private:
    struct FreeMessage {
        void operator()(char* message) const noexcept;
    };
    Query query() const { return {name_, {}}; }
    void await_more();
    void end_copy();

    Connection* connection_;
    std::string name_;
    std::unique_ptr<char, FreeMessage> message_;
    std::uint64_t bytes_ = 0;
    bool looked_ = false;
    std::int64_t rows_ = 0;
    bool ended_ = false;
    bool another_ = false;
    /// Why the COPY that follows could not be started.
    std::exception_ptr next_failed_;
};

}  // namespace pghaul::io
