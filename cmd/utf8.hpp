// Text of any database as valid UTF-8: names and values of databases without an encoding may be any
// bytes. Thread: any; no state.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pghaul::cmd {

/// How many bytes a UTF-8 character at the text's start has; 0 if there is none. Overlong forms,
/// surrogates and what is beyond U+10FFFF are none.
/// Requires: the text is not empty.
std::size_t utf8_length(std::string_view text);

/// Each byte that belongs to no character as \xNN.
std::string as_utf8(std::string_view text);

/// The code point of a character that utf8_length has measured.
char32_t code_point(std::string_view character);

}  // namespace pghaul::cmd
