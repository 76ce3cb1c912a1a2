// What a stream reads its rows from: a session on the source that runs a few statements and gives
// COPY streams in blocks. There are two: a connection of our own (direct_source.hpp) and an agent
// beside the source (agent_session.hpp).
// Not for: catalogs, capture and changes, which always have a connection of their own.
// Thread: one at a time, but for BlockReader::unpack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "io/block.hpp"
#include "io/connection.hpp"

namespace pghaul::io {

/// A COPY … TO STDOUT in blocks.
class BlockReader {
  public:
    virtual ~BlockReader() = default;

    /// Fills an empty block as it comes, which may be packed. Returns false when the stream has
    /// ended and the block is empty.
    virtual bool read(Block& block) = 0;
    /// Turns a block that read() gave into COPY messages. spare: room that stays with the block.
    /// Thread: any, beside read() and the unpacking of other blocks.
    virtual void unpack(Block& /*block*/, std::vector<char>& /*spare*/) const {}
    /// True if read() gives blocks as pack() makes them.
    virtual bool packed() const noexcept { return false; }
    /// Rows as the server's command tag counts them; valid after read() returned false.
    virtual std::int64_t rows() const noexcept = 0;
};

class CopySource {
  public:
    virtual ~CopySource() = default;

    /// Runs statements whose result nobody needs. Throws: Error.
    virtual void execute(const Query& query) = 0;
    /// As Connection::query_value.
    virtual std::string query_value(const Query& query, const Params& params = {}) = 0;
    /// Announces the next COPYs, which follow each other with no other request between them: a
    /// source may ask for all of them at once.
    virtual void expect(std::vector<std::string> /*copies*/) {}
    /// Starts a COPY … TO STDOUT; it must be read to its end before the next request.
    /// blocks_in_flight: how many blocks may wait on the way. Throws: Error.
    virtual std::unique_ptr<BlockReader> copy_out(const std::string& name, const std::string& sql,
                                                  std::size_t blocks_in_flight) = 0;
};

}  // namespace pghaul::io
