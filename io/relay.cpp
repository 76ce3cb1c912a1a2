#include "io/relay.hpp"

#include <oneapi/tbb/parallel_pipeline.h>

#include <vector>

#include "io/block.hpp"

namespace pghaul::io {
RelayResult relay(BlockReader& reader, CopyWriter& writer, RowForm form,
                  std::size_t blocks_in_flight, StreamProgress& progress,
                  const Interrupt& interrupt) {
    struct Carried {
        Block block;
        /// For what a packed block leaves behind when it is unpacked.
        std::vector<char> spare;
        RowSum rows;
    };
    // The pipeline has at most blocks_in_flight tokens and the outer filters keep order, so a block
    // is written before its place in the ring is filled again.
    std::vector<Carried> ring(blocks_in_flight);
    std::size_t next = 0;
    RelayResult result;
    const auto read = [&](tbb::flow_control& control) -> Carried* {
        interrupt.check();
        Carried& carried = ring[next++ % ring.size()];
        carried.block.bytes.clear();
        carried.block.messages = 0;
        const Waiting waiting(progress.source_time());
        if (!reader.read(carried.block)) {
            control.stop();
            return nullptr;
        }
        return &carried;
    };
    const auto unpack_and_sum_up = [&](Carried* carried) {
        reader.unpack(carried->block, carried->spare);
        let_go_if_giant(carried->spare);
        carried->rows = sum_of_block(carried->block, form);
        return carried;
    };
    const auto write = [&](Carried* carried) {
        auto& bytes = carried->block.bytes;
        {
            const Waiting waiting(progress.target_time());
            writer.write(carried->block);
        }
        result.bytes += bytes.size();
        result.rows.add(carried->rows);
        progress.add_bytes(bytes.size());
        let_go_if_giant(bytes);
    };
    using tbb::filter_mode;
    tbb::parallel_pipeline(
        blocks_in_flight,
        tbb::make_filter<void, Carried*>(filter_mode::serial_in_order, read) &
            tbb::make_filter<Carried*, Carried*>(filter_mode::parallel, unpack_and_sum_up) &
            tbb::make_filter<Carried*, void>(filter_mode::serial_in_order, write));
    return result;
}

}  // namespace pghaul::io
