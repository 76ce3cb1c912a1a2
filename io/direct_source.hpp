// Rows over a connection of our own to the source.
// Owner: whoever owns the connection, which must live longer. Thread: the connection's.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "io/copy_reader.hpp"
#include "io/copy_source.hpp"

namespace pghaul::io {

class DirectSource : public CopySource {
  public:
    explicit DirectSource(Connection& connection) : connection_(connection) {}

    void execute(const Query& query) override { connection_.execute(query); }
    std::string query_value(const Query& query, const Params& params) override {
        return connection_.query_value(query, params);
    }
    /// They go in one message.
    void expect(std::vector<std::string> copies) override;
    std::unique_ptr<BlockReader> copy_out(const std::string& name, const std::string& sql,
                                          std::size_t blocks_in_flight) override;

  private:
    Connection& connection_;
    std::vector<std::string> expected_;
    std::size_t begun_ = 0;
    std::shared_ptr<CopyReader> together_;
};

}  // namespace pghaul::io
