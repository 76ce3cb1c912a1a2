#include "io/stow.hpp"

#include <vector>

#include "io/block.hpp"
#include "io/carry.hpp"
#include "io/pack.hpp"

namespace pghaul::io {

void stow(BlockReader& reader, SpoolWriter& writer, std::size_t blocks_in_flight,
          const std::function<void(std::uint64_t file_bytes)>& before_block,
          const Interrupt& interrupt) {
    struct Carried {
        Block block;
        std::vector<char> packed;
    };
    const auto read = [&](Carried& carried) { return reader.read(carried.block); };
    const auto pack_it = [&](Carried& carried) {
        if (reader.packed()) {
            carried.packed.swap(carried.block.bytes);
        } else {
            pack(carried.block, carried.packed);
        }
        let_go_if_giant(carried.block.bytes);
    };
    const auto write = [&](Carried& carried) {
        auto& packed = carried.packed;
        before_block(writer.bytes() + packed.size() + kSpoolFooterBytes);
        writer.append({packed.data(), packed.size()});
        let_go_if_giant(packed);
    };
    carry_blocks<Carried>(blocks_in_flight, interrupt, read, pack_it, write);
}

}  // namespace pghaul::io
