// Rows over a connection of our own to the source.
// Owner: whoever owns the connection, which must live longer. Thread: the connection's.
#pragma once

#include <memory>
#include <string>

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
    std::unique_ptr<BlockReader> copy_out(const std::string& name, const std::string& sql,
                                          std::size_t /*blocks_in_flight*/) override {
        return std::make_unique<CopyReader>(connection_, name, sql);
    }

  private:
    Connection& connection_;
};

}  // namespace pghaul::io
