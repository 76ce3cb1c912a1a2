#include "cmd/drift.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "io/error.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;
using io::ExitCode;
using snapshot::Oid;

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const auto& part : parts) text += (text.empty() ? "" : "; ") + part;
    return text;
}

}  // namespace

Drift find_drift(RunContext& run) {
    auto source = run.open_source("drift");
    return find_drift(run, source);
}

Drift find_drift(RunContext& run, io::Connection& source) {
    const auto chosen = snapshot::select_relations(source, run.plan.selection);
    const auto now = snapshot::read_shapes(source, chosen);
    Drift drift;
    std::set<Oid> planned;
    for (const auto& table : run.plan.tables) {
        planned.insert(table.info.oid);
        const auto found = now.find(table.info.oid);
        if (found == now.end()) {
            drift.altered.push_back(table.info.display() + ": dropped");
            continue;
        }
        const auto changes = snapshot::shape_changes(table.info.shape, found->second.shape);
        if (!changes.empty()) drift.altered.push_back(table.info.display() + ": " + changes);
    }
    for (const auto& [oid, table] : now) {
        if (planned.contains(oid)) continue;
        drift.made.push_back(oid);
        drift.made_names.push_back(table.name);
    }
    return drift;
}

void check_for_drift(RunContext& run, io::Connection& source) {
    const auto drift = find_drift(run, source);
    if (!drift.altered.empty()) {
        throw Error("the schema was changed on the source since the copy: " + joined(drift.altered))
            .exit_code(ExitCode::no_go)
            .hint(
                "undo that on the source, or begin anew: pghaul drop, empty the target, pghaul "
                "run");
    }
    if (!drift.made.empty()) {
        throw Error("tables were made on the source and are not copied yet: " +
                    joined(drift.made_names))
            .exit_code(ExitCode::stopped)
            .hint("pghaul run takes them over; then cut over again");
    }
}

}  // namespace pghaul::cmd
