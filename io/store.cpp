#include "io/store.hpp"

#include <oneapi/tbb/parallel_pipeline.h>

#include <vector>

#include "io/pack.hpp"

namespace pghaul::io {

RelayResult store(BlockReader& reader, SpoolWriter& writer, RowForm form,
                  std::size_t blocks_in_flight, StreamProgress& progress,
                  const Interrupt& interrupt) {
    struct Carried {
        Block block;
        std::vector<char> packed;
        RowSum rows;
    };
    // As in relay.cpp: a block is written before its place in the ring is filled again.
    std::vector<Carried> ring(blocks_in_flight);
    std::size_t next = 0;
    RelayResult result;
    const auto read = [&](tbb::flow_control& control) -> Carried* {
        interrupt.check();
        Carried& carried = ring[next++ % ring.size()];
        carried.block.bytes.clear();
        carried.block.messages = 0;
        if (!reader.read(carried.block)) {
            control.stop();
            return nullptr;
        }
        return &carried;
    };
    const auto sum_up_and_pack = [&](Carried* carried) {
        reader.unpack(carried->block, carried->packed);
        carried->rows = sum_of_block(carried->block, form);
        pack(carried->block, carried->packed);
        return carried;
    };
    const auto write = [&](Carried* carried) {
        writer.append({carried->packed.data(), carried->packed.size()});
        const auto raw = carried->block.bytes.size();
        result.bytes += raw;
        result.rows.add(carried->rows);
        progress.add_bytes(raw);
        let_go_if_giant(carried->block.bytes);
        let_go_if_giant(carried->packed);
    };
    using tbb::filter_mode;
    tbb::parallel_pipeline(
        blocks_in_flight,
        tbb::make_filter<void, Carried*>(filter_mode::serial_in_order, read) &
            tbb::make_filter<Carried*, Carried*>(filter_mode::parallel, sum_up_and_pack) &
            tbb::make_filter<Carried*, void>(filter_mode::serial_in_order, write));
    return result;
}

}  // namespace pghaul::io
