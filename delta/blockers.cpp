#include "delta/blockers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "delta/fence_sql.hpp"
#include "snapshot/catalog.hpp"

namespace pghaul::delta {
namespace {

constexpr std::size_t kDescribed = 5;

/// What the server tells of one row of kBlockers; a role without pg_read_all_stats sees less.
std::string text_of(const io::Result& rows, int row) {
    const auto table = snapshot::display_name(rows.string(row, 1), rows.string(row, 2));
    const bool prepared = rows.is_null(row, 3);
    std::string about = rows.is_null(row, 5) ? "" : rows.string(row, 5);
    const auto add = [&](const std::string& part) { about += (about.empty() ? "" : ", ") + part; };
    if (!rows.is_null(row, 6)) add(fmt::format("for {} s", rows.text(row, 6)));
    if (!rows.is_null(row, 7) && rows.text(row, 7) != "active") add(rows.string(row, 7));
    const auto who = prepared ? "the prepared transaction " + io::quote_literal(rows.text(row, 4))
                              : "pid " + rows.string(row, 3);
    std::string text = fmt::format("{} is held by {}", table, who);
    if (!about.empty()) text += " (" + about + ")";
    if (!rows.is_null(row, 8) && !rows.text(row, 8).empty()) text += ": " + rows.string(row, 8);
    return text;
}

}  // namespace

std::vector<Blocker> find_blockers(io::Connection& server, const std::vector<snapshot::Oid>& tables,
                                   InTheWay kind, std::chrono::milliseconds least_age) {
    const auto rows = server.query(
        kBlockers, {snapshot::oid_array(tables), kind == InTheWay::anybody ? "true" : "false",
                    std::to_string(least_age.count())});
    std::vector<Blocker> blockers;
    for (int row = 0; row < rows.rows(); ++row) {
        blockers.push_back({static_cast<snapshot::Oid>(rows.integer(row, 0)), text_of(rows, row)});
    }
    return blockers;
}

std::string describe(const std::vector<Blocker>& blockers) {
    std::string text;
    for (std::size_t i = 0; i < std::min(kDescribed, blockers.size()); ++i) {
        text += (text.empty() ? "" : "; ") + blockers[i].text;
    }
    if (blockers.size() > kDescribed) {
        text += fmt::format("; and {} more", blockers.size() - kDescribed);
    }
    return text;
}

}  // namespace pghaul::delta
