// The rows of a binary COPY … TO STDOUT, one at a time, counted as progress.
// Thread: the one that owns the connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/copy_reader.hpp"
#include "io/progress.hpp"

namespace pghaul::io {

class RowReader {
  public:
    /// Starts the COPY; rows come in that encoding, and when all have come the session is back at
    /// UTF8. Throws: Error.
    RowReader(Connection& connection, const std::string& copy_sql, const std::string& encoding,
              StreamProgress& progress);
    RowReader(const RowReader&) = delete;
    RowReader& operator=(const RowReader&) = delete;
    ~RowReader() { tell(); }

    /// The next row's fields (see take_field), valid until the next call; false at the end.
    bool next(std::string_view& fields);
    /// Units: bytes of rows read so far.
    std::uint64_t bytes() const noexcept { return bytes_; }

  private:
    void tell() noexcept;

    Connection& connection_;
    bool switched_;
    CopyReader reader_;
    StreamProgress& progress_;
    bool begun_ = false;
    std::uint64_t bytes_ = 0;
    std::uint64_t bytes_told_ = 0;
    std::uint64_t rows_untold_ = 0;
};

}  // namespace pghaul::io
