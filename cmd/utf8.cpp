#include "cmd/utf8.hpp"

#include <fmt/format.h>

namespace pghaul::cmd {
namespace {

unsigned byte_of(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
    const auto first = byte_of(text, 0);
    const std::size_t length = first < 0x80                     ? 1
                               : first >= 0xC2 && first <= 0xDF ? 2
                               : first >= 0xE0 && first <= 0xEF ? 3
                               : first >= 0xF0 && first <= 0xF4 ? 4
                                                                : 0;
    if (length == 0 || length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte_of(text, i) & 0xC0) != 0x80) return 0;
    }
    if (length < 3) return length;
    const auto point = code_point(text.substr(0, length));
    const bool overlong = point < (length == 3 ? 0x800U : 0x10000U);
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    return overlong || surrogate || point > 0x10FFFF ? 0 : length;
}

std::string as_utf8(std::string_view text) {
    std::string safe;
    while (!text.empty()) {
        const auto length = utf8_length(text);
        if (length == 0) {
            safe += fmt::format("\\x{:02x}", byte_of(text, 0));
            text.remove_prefix(1);
        } else {
            safe += text.substr(0, length);
            text.remove_prefix(length);
        }
    }
    return safe;
}

char32_t code_point(std::string_view character) {
    if (character.size() == 1) return byte_of(character, 0);
    // The first byte of a character of n bytes begins with n ones.
    char32_t point = byte_of(character, 0) & (0xFFU >> (character.size() + 1));
    for (std::size_t i = 1; i < character.size(); ++i) {
        point = point << 6 | (byte_of(character, i) & 0x3FU);
    }
    return point;
}

}  // namespace pghaul::cmd
