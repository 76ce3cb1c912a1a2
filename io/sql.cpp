#include "io/sql.hpp"

#include "io/error.hpp"

namespace pghaul::io {

std::string quote_ident(std::string_view name) {
    std::string quoted = "\"";
    for (const char c : name) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

std::string quote_qualified(std::string_view schema, std::string_view name) {
    return quote_ident(schema) + "." + quote_ident(name);
}

std::string quote_ident_list(const std::vector<std::string>& names) {
    std::string list;
    for (const auto& name : names) {
        if (!list.empty()) list += ", ";
        list += quote_ident(name);
    }
    return list;
}

std::string quote_literal(std::string_view value) {
    std::string quoted = value.find('\\') == std::string_view::npos ? "'" : "E'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') quoted += c;
        quoted += c;
    }
    return quoted + "'";
}

std::string switch_encoding(std::string_view encoding, std::string_view scope) {
    if (encoding == "UTF8") return {};
    return "set " + std::string(scope) + " client_encoding to " + quote_literal(encoding) + "; ";
}

std::string array_literal(const std::vector<std::string>& values) {
    std::string text = "{";
    for (const auto& value : values) {
        if (text.size() > 1) text += ',';
        text += '"';
        for (const char c : value) {
            if (c == '"' || c == '\\') text += '\\';
            text += c;
        }
        text += '"';
    }
    return text + "}";
}

std::vector<std::string> parse_array(std::string_view text) {
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') {
        throw Error("not an array of the expected form");
    }
    std::vector<std::string> values;
    std::size_t i = 1;
    const std::size_t end = text.size() - 1;
    while (i < end) {
        std::string value;
        if (text[i] == '"') {
            for (++i; i < end && text[i] != '"'; ++i) {
                if (text[i] == '\\') ++i;
                value += text[i];
            }
            ++i;
        } else {
            for (; i < end && text[i] != ','; ++i) value += text[i];
            if (value == "NULL") throw Error("unexpected null in an array");
        }
        values.push_back(std::move(value));
        if (i < end) {
            if (text[i] != ',') throw Error("not an array of the expected form");
            ++i;
        }
    }
    return values;
}

}  // namespace pghaul::io
