#include "io/pack.hpp"

#include <lz4.h>
#include <lz4hc.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "io/error.hpp"
#include "io/little_endian.hpp"

namespace pghaul::io {
namespace {

constexpr std::size_t kHeaderCheckAt = 28;

static_assert(kLargestRawBytes <= LZ4_MAX_INPUT_SIZE);

Error damaged(const std::string& what) {
    return Error("packed block is damaged: " + what)
        .hint("the link, memory or a disk has changed bytes; if it happens again, look there");
}

struct FreeHighState {
    void operator()(LZ4_streamHC_t* state) const noexcept { LZ4_freeStreamHC(state); }
};

/// This thread's room for high compression.
LZ4_streamHC_t* high_state() {
    thread_local std::unique_ptr<LZ4_streamHC_t, FreeHighState> state;
    if (!state) state.reset(LZ4_createStreamHC());
    if (!state) throw std::bad_alloc();
    return state.get();
}

/// lz4's own number. Source: docs/benchmarks.md; 3 packs a fifth smaller than fast for five times
/// the CPU, 6 another fiftieth for twice that, and what is above 6 less than a hundredth.
int level_of(PackEffort effort) { return effort == PackEffort::hard ? 3 : 6; }

/// Returns: the size, or 0 if it would be larger than `room`.
int shrink(const std::vector<char>& bytes, char* to, int room, PackEffort effort) {
    const int size = static_cast<int>(bytes.size());
    if (effort == PackEffort::fast) return LZ4_compress_default(bytes.data(), to, size, room);
    return LZ4_compress_HC_extStateHC(high_state(), bytes.data(), to, size, room, level_of(effort));
}

void put_header(const PackHeader& header, char* to) {
    std::fill_n(to, kPackHeaderBytes, '\0');
    std::copy(kPackMagic.begin(), kPackMagic.end(), to);
    to[4] = kPackVersion;
    to[5] = static_cast<char>(header.method);
    put_u32(to + 8, header.raw_bytes);
    put_u32(to + 12, header.packed_bytes);
    put_u32(to + 16, header.messages);
    put_u64(to + 20, header.checksum);
    put_u32(to + kHeaderCheckAt, static_cast<std::uint32_t>(XXH3_64bits(to, kHeaderCheckAt)));
}

}  // namespace

void pack(const Block& block, std::vector<char>& packed, PackEffort effort) {
    const std::size_t size = block.bytes.size();
    if (size > kLargestRawBytes || block.messages > UINT32_MAX) {
        throw Error("block of " + std::to_string(size) + " bytes is too large to be packed");
    }
    packed.resize(kPackHeaderBytes + size);
    PackHeader header;
    header.method = PackMethod::lz4;
    header.raw_bytes = static_cast<std::uint32_t>(size);
    header.messages = static_cast<std::uint32_t>(block.messages);
    header.checksum = XXH3_64bits(block.bytes.data(), size);
    // Room for one byte less than the raw block: lz4 gives up (0) where it would not shrink it.
    const int room = static_cast<int>(size) - 1;
    const int shrunk =
        room <= 0 ? 0 : shrink(block.bytes, packed.data() + kPackHeaderBytes, room, effort);
    if (shrunk > 0) {
        header.packed_bytes = static_cast<std::uint32_t>(shrunk);
    } else {
        header.method = PackMethod::stored;
        header.packed_bytes = header.raw_bytes;
        std::copy(block.bytes.begin(), block.bytes.end(),
                  packed.begin() + static_cast<std::ptrdiff_t>(kPackHeaderBytes));
    }
    packed.resize(kPackHeaderBytes + header.packed_bytes);
    put_header(header, packed.data());
}

PackHeader read_pack_header(std::string_view bytes) {
    if (bytes.size() < kPackHeaderBytes) {
        throw damaged("only " + std::to_string(bytes.size()) + " bytes of its header are there");
    }
    if (!bytes.starts_with(kPackMagic)) throw damaged("it does not begin as one");
    if (bytes[4] != kPackVersion) {
        throw Error("packed block is of version " +
                    std::to_string(static_cast<unsigned char>(bytes[4])) + ", this pghaul reads " +
                    std::to_string(kPackVersion))
            .hint("use the version of pghaul that wrote it");
    }
    const auto check = static_cast<std::uint32_t>(XXH3_64bits(bytes.data(), kHeaderCheckAt));
    if (check != get_u32(bytes.data() + kHeaderCheckAt)) {
        throw damaged("the checksum of its header is wrong");
    }
    PackHeader header;
    header.method = static_cast<PackMethod>(bytes[5]);
    header.raw_bytes = get_u32(bytes.data() + 8);
    header.packed_bytes = get_u32(bytes.data() + 12);
    header.messages = get_u32(bytes.data() + 16);
    header.checksum = get_u64(bytes.data() + 20);
    const bool known = header.method == PackMethod::stored || header.method == PackMethod::lz4;
    if (!known || bytes[6] != 0 || bytes[7] != 0) throw damaged("its method is unknown");
    const bool sizes_fit = header.method == PackMethod::stored
                               ? header.packed_bytes == header.raw_bytes
                               : header.packed_bytes < header.raw_bytes;
    if (header.raw_bytes > kLargestRawBytes || !sizes_fit) throw damaged("its sizes are wrong");
    return header;
}

void unpack(std::string_view packed, Block& block) {
    const PackHeader header = read_pack_header(packed);
    packed.remove_prefix(kPackHeaderBytes);
    if (packed.size() != header.packed_bytes) {
        throw damaged("it has " + std::to_string(packed.size()) + " bytes instead of " +
                      std::to_string(header.packed_bytes));
    }
    block.messages = header.messages;
    if (header.method == PackMethod::stored) {
        block.bytes.assign(packed.begin(), packed.end());
    } else {
        block.bytes.resize(header.raw_bytes);
        const int size =
            LZ4_decompress_safe(packed.data(), block.bytes.data(), static_cast<int>(packed.size()),
                                static_cast<int>(header.raw_bytes));
        if (size < 0 || static_cast<std::uint32_t>(size) != header.raw_bytes) {
            throw damaged("lz4 can't read it");
        }
    }
    if (XXH3_64bits(block.bytes.data(), block.bytes.size()) != header.checksum) {
        throw damaged("its checksum is wrong");
    }
}

}  // namespace pghaul::io
