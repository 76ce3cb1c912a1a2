// The figures of a report, as inline SVG: no script, colours by the page's classes. Empty where
// there is nothing to show. Thread: any; no state.
#pragma once

#include <string>

#include "cmd/report_model.hpp"

namespace pghaul::cmd {

/// The steps, one bar a line.
std::string steps_svg(const Report& report);
/// What came per second, and below it what each stream loaded when. However many chunks there are,
/// what could not be told apart is drawn as one.
std::string copy_svg(const Report& report);

/// The tables that have colours of their own in the copy's figure: indexes into Report::tables.
std::vector<std::size_t> coloured_tables(const Report& report);

}  // namespace pghaul::cmd
