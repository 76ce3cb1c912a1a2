// Whether a text is well-formed XML, as far as pages need it: a small strict reader for tests, in
// which nothing is mended. Thread: any; no state.
#pragma once

#include <string>
#include <string_view>

namespace pghaul::test {

/// What is wrong and where; empty if nothing is. Knows no comments, CDATA sections or processing
/// instructions: a page has none.
std::string xml_fault(std::string_view text);

}  // namespace pghaul::test
