// Numbers in byte order "little-endian", whatever the machine's own: for what pghaul writes into
// files and pipes.
// Requires: room for the number behind each pointer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pghaul::io {

inline void put_u32(char* to, std::uint32_t value) noexcept {
    for (std::size_t i = 0; i < 4; ++i) to[i] = static_cast<char>((value >> (8 * i)) & 0xFF);
}

inline void put_u64(char* to, std::uint64_t value) noexcept {
    for (std::size_t i = 0; i < 8; ++i) to[i] = static_cast<char>((value >> (8 * i)) & 0xFF);
}

inline std::uint32_t get_u32(const char* from) noexcept {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(from[i])) << (8 * i);
    }
    return value;
}

inline std::uint64_t get_u64(const char* from) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        value |= static_cast<std::uint64_t>(static_cast<unsigned char>(from[i])) << (8 * i);
    }
    return value;
}

}  // namespace pghaul::io
