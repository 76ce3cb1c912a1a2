#include "io/stow.hpp"

#include <oneapi/tbb/parallel_pipeline.h>

#include <vector>

#include "io/block.hpp"
#include "io/pack.hpp"

namespace pghaul::io {
namespace {

struct Carried {
    Block block;
    std::vector<char> packed;
};

}  // namespace

void stow(BlockReader& reader, SpoolWriter& writer, std::size_t blocks_in_flight,
          const std::function<void(std::uint64_t file_bytes)>& before_block,
          const Interrupt& interrupt) {
    std::vector<Carried> ring(blocks_in_flight);
    std::size_t next = 0;
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
    const auto pack_it = [&](Carried* carried) {
        if (reader.packed()) {
            carried->packed.swap(carried->block.bytes);
        } else {
            pack(carried->block, carried->packed);
        }
        let_go_if_giant(carried->block.bytes);
        return carried;
    };
    const auto write = [&](Carried* carried) {
        auto& packed = carried->packed;
        before_block(writer.bytes() + packed.size() + kSpoolFooterBytes);
        writer.append({packed.data(), packed.size()});
        let_go_if_giant(packed);
    };
    using tbb::filter_mode;
    tbb::parallel_pipeline(
        blocks_in_flight,
        tbb::make_filter<void, Carried*>(filter_mode::serial_in_order, read) &
            tbb::make_filter<Carried*, Carried*>(filter_mode::parallel, pack_it) &
            tbb::make_filter<Carried*, void>(filter_mode::serial_in_order, write));
}

}  // namespace pghaul::io
