// Comparing while writers go on: the target is brought to one moment of the source, both are
// compared as of it, and what the application truncated meanwhile is compared at a later moment. No
// table of the source stays locked for longer than a piece of it is read, but those that are
// truncated again and again: these are small, or they could not be filled as often, and are held
// while they are read. Thread: the main thread.
#pragma once

#include <functional>
#include <set>

#include "delta/catch_up.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::cmd {

/// Compares these tables, by number (empty: all), as of a moment of the source that the target
/// shows. Returns those that were truncated meanwhile.
using CompareTables =
    std::function<std::set<int>(const delta::Moment& moment, const std::set<int>& tables)>;

/// Throws: io::Error (stopped) if a table is truncated each time; whatever compare throws.
void compare_at_moments(delta::CatchUp& catch_up, const snapshot::Plan& plan,
                        const CompareTables& compare);

std::set<int> numbers_of(const std::vector<const snapshot::TablePlan*>& tables);

}  // namespace pghaul::cmd
