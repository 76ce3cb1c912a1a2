// One round: a whole job under writers on fresh databases, one kind of fault at moments that come
// from the seed, pghaul started again as a cron job would until it is done, and a look at the end.
// Thread: the main thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/crash/faults/arena.hpp"
#include "tests/crash/faults/checks.hpp"
#include "tests/crash/faults/fault.hpp"

namespace pghaul::test::faults {

struct RoundResult {
    Kind kind = Kind::kill;
    unsigned seed = 0;
    std::string setting;  // "as owner, -j 3, …"
    std::string skipped;  // why it can't be played here; empty: it was
    std::string failure;  // what did not hold; empty: all did
    std::string story;    // each start of pghaul, each strike, how it ended
    int faults = 0;
    int reruns = 0;
    Differences differences;
    double sent_ratio = 1;  // rows the source sent for the copy / rows copied
    Waste waste;
    double seconds = 0;
};

/// The kind that a seed stands for, unless one is asked for: neighbours differ.
inline Kind kind_of(unsigned seed) {
    return static_cast<Kind>(seed % static_cast<unsigned>(kKinds));
}

/// Plays it. Throws nothing that concerns pghaul: that is in `failure`.
RoundResult play_round(Arena& arena, unsigned seed, Kind kind);

}  // namespace pghaul::test::faults
