// Whether and how chunks go from the source into files first, and from there to the target.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "loader/work.hpp"

namespace pghaul::loader {

enum class SpoolMode {
    automatic,  // while the target is what the copy waits for
    always,     // every chunk; small tables and large objects, which go together, do not
    never,
};

/// By table and chunk number.
using SpoolFiles = std::map<std::pair<int, int>, SpoolFile>;

struct SpoolRules {
    SpoolMode mode = SpoolMode::never;
    /// How many streams read into files.
    int readers = 0;
    /// Units: bytes that all files may have together, those being written included.
    std::int64_t limit_bytes = 0;
    /// What an earlier run has left, ready to be loaded.
    SpoolFiles files = {};
};

}  // namespace pghaul::loader
