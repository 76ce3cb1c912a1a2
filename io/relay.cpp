#include "io/relay.hpp"

#include <oneapi/tbb/parallel_pipeline.h>

#include <vector>

#include "io/block.hpp"

namespace pghaul::io {

std::uint64_t relay(CopyReader& reader, CopyWriter& writer, std::size_t blocks_in_flight,
                    StreamProgress& progress, const Interrupt& interrupt) {
    // The pipeline has at most blocks_in_flight tokens and both filters keep order, so a block is
    // written before its place in the ring is filled again.
    std::vector<Block> ring(blocks_in_flight);
    std::size_t next = 0;
    std::uint64_t bytes = 0;
    const auto read = [&](tbb::flow_control& control) -> Block* {
        interrupt.check();
        Block& block = ring[next++ % ring.size()];
        block.bytes.clear();
        block.messages = 0;
        if (!reader.read(block)) {
            control.stop();
            return nullptr;
        }
        return &block;
    };
    const auto write = [&](Block* block) {
        writer.write(*block);
        bytes += block->bytes.size();
        progress.add_bytes(block->bytes.size());
        // One giant row must not keep its room for the rest of the stream.
        if (block->bytes.capacity() > 4 * kBlockBytes) std::vector<char>().swap(block->bytes);
    };
    tbb::parallel_pipeline(
        blocks_in_flight,
        tbb::make_filter<void, Block*>(tbb::filter_mode::serial_in_order, read) &
            tbb::make_filter<Block*, void>(tbb::filter_mode::serial_in_order, write));
    return bytes;
}

}  // namespace pghaul::io
