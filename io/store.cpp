#include "io/store.hpp"

#include <vector>

#include "io/carry.hpp"
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
    RelayResult result;
    const auto read = [&](Carried& carried) { return reader.read(carried.block); };
    const auto sum_up_and_pack = [&](Carried& carried) {
        reader.unpack(carried.block, carried.packed);
        carried.rows = sum_of_block(carried.block, form);
        pack(carried.block, carried.packed);
    };
    const auto write = [&](Carried& carried) {
        writer.append({carried.packed.data(), carried.packed.size()});
        const auto raw = carried.block.bytes.size();
        result.bytes += raw;
        result.rows.add(carried.rows);
        progress.add_bytes(raw);
        let_go_if_giant(carried.block.bytes);
        let_go_if_giant(carried.packed);
    };
    carry_blocks<Carried>(blocks_in_flight, interrupt, read, sum_up_and_pack, write);
    return result;
}

}  // namespace pghaul::io
