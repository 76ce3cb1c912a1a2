// What the crash tests share: a database that makes a run pass every failpoint, and the proof that
// a chunk which was committed is never copied again.
#pragma once

#include <map>
#include <string>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {

/// Several tables, some of many chunks of 1 MB, keyless, partitioned; large objects, foreign keys,
/// sequences, a materialised view.
Pair crash_pair();

/// The arguments that make a run on it pass every failpoint.
Arguments crash_arguments();

/// When each chunk was loaded, by table and number; a second copy would change it.
std::map<std::string, std::string> loaded_chunks(const Pair& pair);

/// Reruns once, as the journal allows, and checks that the job ends equal and that nothing which
/// `before` names was copied again. Where chunks are loaded and others are not, a plain rerun must
/// refuse to mix two moments first.
void expect_rerun_finishes(const Pair& pair);

}  // namespace pghaul::test
