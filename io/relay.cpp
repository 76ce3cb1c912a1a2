#include "io/relay.hpp"

#include <vector>

#include "io/block.hpp"
#include "io/carry.hpp"

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
    RelayResult result;
    const auto read = [&](Carried& carried) {
        const Waiting waiting(progress.source_time());
        return reader.read(carried.block);
    };
    const auto unpack_and_sum_up = [&](Carried& carried) {
        reader.unpack(carried.block, carried.spare);
        let_go_if_giant(carried.spare);
        carried.rows = sum_of_block(carried.block, form);
    };
    const auto write = [&](Carried& carried) {
        auto& bytes = carried.block.bytes;
        {
            const Waiting waiting(progress.target_time());
            writer.write(carried.block);
        }
        result.bytes += bytes.size();
        result.rows.add(carried.rows);
        progress.add_bytes(bytes.size());
        let_go_if_giant(bytes);
    };
    carry_blocks<Carried>(blocks_in_flight, interrupt, read, unpack_and_sum_up, write);
    return result;
}

}  // namespace pghaul::io
