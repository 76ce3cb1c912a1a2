// Where a stream's rows go: a session on the target that takes COPY streams. Of those that are
// announced one message starts all, so that small tables wait for one answer each instead of two.
// Owner: whoever owns the connection, which must live longer. Thread: the connection's.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "io/copy_writer.hpp"

namespace pghaul::io {

class CopyTarget {
  public:
    explicit CopyTarget(Connection& connection) : connection_(connection) {}

    /// Announces the next COPYs, which follow each other with no other statement between them.
    void expect(std::vector<std::string> copies);
    /// Starts a COPY … FROM STDIN, which must be finished before the next request. The writer lives
    /// until then. Throws: Error.
    CopyWriter& copy_in(const std::string& name, const std::string& sql);

    Connection& connection() noexcept { return connection_; }

  private:
    Connection& connection_;
    std::vector<std::string> expected_;
    std::size_t begun_ = 0;
    std::optional<CopyWriter> writer_;
};

}  // namespace pghaul::io
