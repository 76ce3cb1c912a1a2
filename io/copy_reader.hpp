// COPY … TO STDOUT as a sequence of blocks. Destroying it early leaves the connection busy, and
// the connection's own destructor cancels on the server: a reader is never drained.
#pragma once

#include <cstdint>
#include <string>

#include "io/block.hpp"
#include "io/connection.hpp"

namespace pghaul::io {

class CopyReader {
  public:
    /// Starts the COPY. Throws: Error.
    CopyReader(Connection& connection, std::string name, const std::string& copy_sql);

    /// Fills an empty block. Returns false when the stream has ended and the block is empty.
    bool read(Block& block);
    /// Rows as the server's command tag counts them; valid after read() returned false.
    std::int64_t rows() const noexcept { return rows_; }

  private:
    Query query() const { return {name_, {}}; }

    Connection* connection_;
    std::string name_;
    std::int64_t rows_ = 0;
    bool ended_ = false;
};

}  // namespace pghaul::io
