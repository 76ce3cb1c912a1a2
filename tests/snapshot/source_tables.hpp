// What the tests of catalog, cut and tiles share: a table as the planner reads it, and how many
// rows or bytes each of its chunks holds.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "snapshot/catalog.hpp"
#include "snapshot/key_range.hpp"
#include "snapshot/selection.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {

inline snapshot::Catalog catalog_of(io::Connection& source,
                                    const snapshot::Selection& selection = {}) {
    return snapshot::read_catalog(source, snapshot::select_relations(source, selection));
}

/// Throws: std::runtime_error if there is none.
inline snapshot::TableInfo table_named(const snapshot::Catalog& catalog, const std::string& name) {
    const auto found = std::find_if(catalog.tables.begin(), catalog.tables.end(),
                                    [&](const auto& table) { return table.name == name; });
    if (found == catalog.tables.end()) throw std::runtime_error("no table " + name);
    return *found;
}

inline snapshot::TableInfo table_named(io::Connection& source, const std::string& name) {
    return table_named(catalog_of(source), name);
}

/// `aggregate` over the rows of each range, all read in one pass.
inline std::vector<std::int64_t> per_range(io::Connection& source, const snapshot::TableInfo& table,
                                           const std::vector<snapshot::KeyColumn>& key,
                                           const std::vector<snapshot::KeyRange>& ranges,
                                           const std::string& aggregate = "pg_catalog.count(*)") {
    std::string list;
    for (const auto& range : ranges) {
        const auto condition = snapshot::predicate(key, range);
        list += (list.empty() ? "" : ", ") + std::string("coalesce(") + aggregate +
                " filter (where " + (condition.empty() ? "true" : condition) + "), 0)";
    }
    const auto row =
        source.query_row({"per_range", "select " + list + " from only " + table.qualified()});
    std::vector<std::int64_t> values;
    for (int i = 0; i < row.columns(); ++i) values.push_back(row.integer(0, i));
    return values;
}

inline std::int64_t sum(const std::vector<std::int64_t>& values) {
    return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

inline std::string listed(const std::vector<std::int64_t>& values) {
    std::string text;
    for (const auto value : values) text += (text.empty() ? "" : " ") + std::to_string(value);
    return text;
}

inline std::int64_t count_rows(io::Connection& source, const snapshot::TableInfo& table) {
    return std::stoll(
        source.query_value({"count", "select pg_catalog.count(*) from only " + table.qualified()}));
}

/// Fixture with a database of its own and a session on it.
class SourceTest : public ServerTest {
  protected:
    void SetUp() override {
        ServerTest::SetUp();
        if (IsSkipped()) return;
        database_ = fresh_database();
        connection_.emplace(connect(database_, interrupt_));
    }
    io::Connection& source() { return *connection_; }
    void sql(const std::string& text) { psql(database_, text); }

    std::string database_;
    std::optional<io::Connection> connection_;
};

}  // namespace pghaul::test
