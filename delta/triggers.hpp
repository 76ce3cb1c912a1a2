// What capture consists of on one table, as SQL: the delta table, the function that fills it and
// the triggers that call it. capture.hpp installs them.
// Thread: functions without state.
#pragma once

#include <string>
#include <vector>

#include "delta/names.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::delta {

/// The columns that a delta row holds of the table: its apply key, or all of them.
std::vector<std::string> captured_columns(const snapshot::TableInfo& table);

/// How many triggers a captured table has.
int trigger_count(const snapshot::TableInfo& table);

/// What the delta table is made for, kept as its comment: a table that was altered since it was
/// captured may have another key, or other columns.
std::string made_for(const snapshot::TableInfo& table);

std::string create_delta_sql(const CaptureSite& site, const snapshot::TableInfo& table);
std::string function_sql(const CaptureSite& site, const snapshot::TableInfo& table);
std::string create_triggers_sql(const CaptureSite& site, const snapshot::TableInfo& table);

}  // namespace pghaul::delta
