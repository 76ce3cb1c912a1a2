// A report as one self-contained page: nothing is loaded from anywhere, and it is read without a
// script too. The page is HTML and well-formed XML at once. Thread: any; no state.
#pragma once

#include <string>

#include "cmd/html.hpp"
#include "cmd/report_model.hpp"

namespace pghaul::cmd {

std::string page_of(const Report& report);

/// Its section with a line per table.
void write_tables(Html& page, const Report& report);

}  // namespace pghaul::cmd
