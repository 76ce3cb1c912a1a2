// A report for programs: the same that the page says. Thread: any; no state.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cmd/report_model.hpp"

namespace pghaul::cmd {

nlohmann::json json_of(const Report& report);

}  // namespace pghaul::cmd
