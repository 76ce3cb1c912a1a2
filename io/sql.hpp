// SQL text: named statements, quoting of names, and literals for the few places that take no $n.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pghaul::io {

/// A statement with the name under which errors and logs speak of it.
struct Query {
    std::string_view name;
    std::string_view text;
};

/// Quotes an identifier: always in double quotes, inner ones doubled.
std::string quote_ident(std::string_view name);
/// schema.name, both quoted.
std::string quote_qualified(std::string_view schema, std::string_view name);
/// a, b, c — each quoted.
std::string quote_ident_list(const std::vector<std::string>& names);
/// A string literal for statements that take no parameters (COPY, utility statements, DDL).
/// Uses E'' when there is a backslash, so standard_conforming_strings does not matter.
std::string quote_literal(std::string_view value);
/// "set local client_encoding …; " when rows travel in another encoding than our statements, which
/// are UTF8. It stands in the same message as the COPY, which the server has converted by then.
/// scope: "session" or "local".
std::string switch_encoding(std::string_view encoding, std::string_view scope);
/// {"a","b"}: the text form of a text[] for a parameter.
std::string array_literal(const std::vector<std::string>& values);
/// The reverse of array_literal for one-dimensional arrays without nulls.
/// Throws: Error on anything else.
std::vector<std::string> parse_array(std::string_view text);

}  // namespace pghaul::io
