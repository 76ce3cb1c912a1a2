#include "io/relay.hpp"

#include <oneapi/tbb/parallel_pipeline.h>

#include <vector>

#include "io/block.hpp"

namespace pghaul::io {
namespace {

struct Place {
    Block block;
    /// For what a packed block leaves behind when it is unpacked.
    std::vector<char> spare;
};

// One giant row must not keep its room for the rest of the stream.
void let_go_if_giant(std::vector<char>& bytes) {
    if (bytes.capacity() > 4 * kBlockBytes) std::vector<char>().swap(bytes);
}

}  // namespace

std::uint64_t relay(BlockReader& reader, CopyWriter& writer, std::size_t blocks_in_flight,
                    StreamProgress& progress, const Interrupt& interrupt) {
    // The pipeline has at most blocks_in_flight tokens and its ends keep order, so a block is
    // written before its place in the ring is filled again.
    std::vector<Place> ring(blocks_in_flight);
    std::size_t next = 0;
    std::uint64_t bytes = 0;
    const auto read = [&](tbb::flow_control& control) -> Place* {
        interrupt.check();
        Place& place = ring[next++ % ring.size()];
        place.block.bytes.clear();
        place.block.messages = 0;
        if (!reader.read(place.block)) {
            control.stop();
            return nullptr;
        }
        return &place;
    };
    const auto unpack = [&](Place* place) {
        reader.unpack(place->block, place->spare);
        return place;
    };
    const auto write = [&](Place* place) {
        auto& raw = place->block.bytes;
        writer.write(place->block);
        bytes += raw.size();
        progress.add_bytes(raw.size());
        let_go_if_giant(raw);
        let_go_if_giant(place->spare);
    };
    tbb::parallel_pipeline(
        blocks_in_flight,
        tbb::make_filter<void, Place*>(tbb::filter_mode::serial_in_order, read) &
            tbb::make_filter<Place*, Place*>(tbb::filter_mode::parallel, unpack) &
            tbb::make_filter<Place*, void>(tbb::filter_mode::serial_in_order, write));
    return bytes;
}

}  // namespace pghaul::io
