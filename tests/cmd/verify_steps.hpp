// Steps for tests of pghaul verify.
#pragma once

#include <set>
#include <sstream>
#include <string>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {

/// Runs pghaul verify on a pair to its end.
inline ProcessResult verify(const Pair& pair, const Arguments& more = {}) {
    Arguments arguments = {"verify", "--source", pair.source,  "--target", pair.target,
                           "-j",     "2",        "--progress", "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return pghaul(arguments);
}

using Lines = std::set<std::string>;

/// The lines of a result, but for the one that says what was compared.
inline Lines found(const ProcessResult& result) {
    std::istringstream text(result.out);
    Lines lines;
    for (std::string line; std::getline(text, line);) {
        if (!line.starts_with("compared ")) lines.insert(line);
    }
    return lines;
}

}  // namespace pghaul::test
