#include "cmd/html.hpp"

#include <fmt/format.h>

#include "cmd/utf8.hpp"

namespace pghaul::cmd {
namespace {

/// True for what would be invisible, would reorder its neighbours, or has no place in XML.
bool is_hidden(char32_t point) {
    return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0xAD ||
           (point >= 0x200B && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2060 && point <= 0x206F) || point == 0xFEFF ||
           (point & 0xFFFE) == 0xFFFE;  // U+FFFE, U+FFFF and their like on other planes
}

void append(std::string& all, std::string_view character) {
    const auto point = code_point(character);
    if (point == '\n') {
        all += "\\n";
    } else if (point == '\t') {
        all += "\\t";
    } else if (is_hidden(point)) {
        all += point < 0x100 ? fmt::format("\\x{:02x}", static_cast<std::uint32_t>(point))
                             : fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point));
    } else if (point == '&') {
        all += "&amp;";
    } else if (point == '<') {
        all += "&lt;";
    } else if (point == '>') {
        all += "&gt;";
    } else if (point == '"') {
        all += "&quot;";
    } else if (point == '\'') {
        all += "&#39;";
    } else {
        all += character;
    }
}

}  // namespace

std::string escape_html(std::string_view text) {
    std::string all;
    all.reserve(text.size());
    while (!text.empty()) {
        const auto length = utf8_length(text);
        if (length == 0) {
            all += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
        } else {
            append(all, text.substr(0, length));
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return all;
}

Html& Html::element(std::string_view name, std::string_view content) {
    all_ += fmt::format("<{0}>{1}</{0}>", name, escape_html(content));
    return *this;
}

Html& Html::element(std::string_view name, std::string_view css_class, std::string_view content) {
    all_ += fmt::format("<{0} class=\"{1}\">{2}</{0}>", name, css_class, escape_html(content));
    return *this;
}

}  // namespace pghaul::cmd
