// COPY … FROM STDIN fed with blocks. An error of the server is noticed while sending, within one
// block. finish() ends the COPY; without it the connection's destructor cancels it.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "io/block.hpp"
#include "io/connection.hpp"

namespace pghaul::io {

class CopyWriter {
  public:
    /// Runs copy_sql up to its COPY; other statements may stand before it. It may hold several of
    /// these, one after the other.
    CopyWriter(Connection& connection, std::string name, const std::string& copy_sql);

    /// Sends a block and returns when it is with the kernel. Throws: Error, also an earlier
    /// block's error.
    void write(const Block& block);
    /// Ends the COPY. Returns the rows that the server counted.
    std::int64_t finish();
    /// After that: whether another COPY follows, which is then the one that is written.
    /// Throws: Error if it could not be started.
    bool next_copy();

  private:
    Query query() const { return {name_, {}}; }
    [[noreturn]] void fail_with_server_error();

    Connection* connection_;
    std::string name_;
    bool another_ = false;
    /// Why the COPY that follows could not be started.
    std::exception_ptr next_failed_;
};

}  // namespace pghaul::io
