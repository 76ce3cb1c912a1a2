#include "delta/target_guards.hpp"

#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "delta/guards_sql.hpp"
#include "io/error.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/foreign_key.hpp"

namespace pghaul::delta {
namespace {

using io::Error;
using snapshot::Plan;

constexpr char kDisabled = 'D';

/// A trigger or rule: its table and name are the same on both servers.
struct Guarded {
    std::string schema;
    std::string table;
    bool rule = false;
    std::string name;

    auto operator<=>(const Guarded&) const = default;
    std::string display() const {
        return fmt::format("{} {} of {}", rule ? "rule" : "trigger", name,
                           snapshot::display_name(schema, table));
    }
};

/// By table, so that one ALTER TABLE does all of a table's.
using States = std::map<Guarded, char>;

io::Params table_names(const Plan& plan) {
    std::vector<std::string> schemas;
    std::vector<std::string> names;
    for (const auto& table : plan.tables) {
        schemas.push_back(table.info.schema);
        names.push_back(table.info.name);
    }
    return {io::array_literal(schemas), io::array_literal(names)};
}

States read_states(io::Connection& server, const Plan& plan) {
    const auto rows = server.query(kListUserTriggers, table_names(plan));
    States states;
    for (int row = 0; row < rows.rows(); ++row) {
        const Guarded guarded{rows.string(row, 0), rows.string(row, 1), rows.boolean(row, 2),
                              rows.string(row, 3)};
        states[guarded] = rows.text(row, 4).front();
    }
    return states;
}

const char* action_of(char state) {
    switch (state) {
        case 'D':
            return "disable";
        case 'R':
            return "enable replica";
        case 'A':
            return "enable always";
        default:
            return "enable";
    }
}

void explain(Error& error, const std::string& table, int server_major) {
    error.context("triggers and rules of " + table + " on the target");
    // Those that a partition has from its partitioned table are system triggers there.
    if (error.sqlstate() == "42501" && (server_major == 11 || server_major == 12)) {
        error.exit_code(io::ExitCode::no_go)
            .hint(
                "PostgreSQL 11 and 12 let only a superuser disable a trigger that a partition "
                "has from its partitioned table: connect as one, or drop the trigger on the "
                "target and create it again when the move is done");
    }
}

/// Wanted: only those that are to change.
void set_states(io::Connection& target, const States& wanted) {
    for (auto first = wanted.begin(); first != wanted.end();) {
        const auto& [schema, table] = std::tie(first->first.schema, first->first.table);
        std::string actions;
        auto next = first;
        for (; next != wanted.end() && next->first.schema == schema && next->first.table == table;
             ++next) {
            actions += fmt::format("{}{} {} {}", actions.empty() ? "" : ", ",
                                   action_of(next->second), next->first.rule ? "rule" : "trigger",
                                   io::quote_ident(next->first.name));
        }
        try {
            target.execute(
                {"set_trigger_states", fmt::format("alter table only {} {}",
                                                   io::quote_qualified(schema, table), actions)});
        } catch (Error& error) {
            explain(error, snapshot::display_name(schema, table), target.server_major());
            throw;
        }
        first = next;
    }
}

/// A move of only some tables, or a target that was there before, can have foreign keys that the
/// plan doesn't know.
void refuse_unknown_foreign_keys(io::Connection& target, const Plan& plan) {
    std::set<std::pair<std::string, std::string>> known;
    for (const auto& key : plan.foreign_keys) known.emplace(key.table, key.name);
    const std::string text = snapshot::for_version(kListForeignKeysAround, target.server_major());
    const auto rows = target.query({kListForeignKeysAround.name, text}, table_names(plan));
    std::string unknown;
    for (int row = 0; row < rows.rows(); ++row) {
        const auto table = io::quote_qualified(rows.text(row, 1), rows.text(row, 2));
        if (known.contains({table, rows.string(row, 0)})) continue;
        unknown += fmt::format("{}{} of {}", unknown.empty() ? "" : ", ", rows.text(row, 0),
                               snapshot::display_name(rows.string(row, 1), rows.string(row, 2)));
    }
    if (unknown.empty()) return;
    throw Error(
        "the target has foreign keys on chosen tables that the chosen tables of the source "
        "don't have, and they would act while changes are applied: " +
        unknown)
        .exit_code(io::ExitCode::no_go)
        .hint(
            "drop them on the target and add them again when the move is done, or connect to the "
            "target as a role that may set session_replication_role");
}

}  // namespace

ApplyMode detect_apply_mode(io::Connection& target) {
    try {
        // Local to this one statement's transaction.
        target.query({"try_replica_role",
                      "select pg_catalog.set_config('session_replication_role', 'replica', true)"});
        return ApplyMode::replica;
    } catch (const Error& error) {
        if (error.sqlstate() != "42501") throw;
        return ApplyMode::guarded;
    }
}

void apply_session(io::Connection& target, ApplyMode mode) {
    if (mode == ApplyMode::guarded) return;
    target.execute({"set_replica_role", "set session_replication_role to replica"});
}

void suspend_user_triggers(io::Connection& target, const Plan& plan) {
    States wanted;
    for (const auto& [guarded, state] : read_states(target, plan)) {
        if (state != kDisabled) wanted[guarded] = kDisabled;
    }
    set_states(target, wanted);
}

std::vector<std::string> restore_user_triggers(io::Connection& source, io::Connection& target,
                                               const Plan& plan) {
    auto on_source = read_states(source, plan);
    std::erase_if(on_source,
                  [](const auto& entry) { return entry.first.name.starts_with("pghaul/"); });
    States wanted;
    std::vector<std::string> left_disabled;
    for (const auto& [guarded, state] : read_states(target, plan)) {
        const auto found = on_source.find(guarded);
        if (found == on_source.end()) {
            if (state == kDisabled) left_disabled.push_back(guarded.display());
        } else if (found->second != state) {
            wanted[guarded] = found->second;
        }
    }
    set_states(target, wanted);
    return left_disabled;
}

void drop_foreign_keys(io::Connection& target, const Plan& plan) {
    refuse_unknown_foreign_keys(target, plan);
    for (const auto& key : plan.foreign_keys) {
        if (state_of(target, key) == snapshot::ForeignKeyState::missing) continue;
        const auto sql = drop_foreign_key_sql(key);
        try {
            target.execute({"drop_foreign_key", sql});
        } catch (Error& error) {
            error.context(subject_of(key));
            throw;
        }
    }
}

std::vector<snapshot::Problem> add_foreign_keys_not_valid(io::Connection& target,
                                                          const Plan& plan) {
    std::vector<snapshot::Problem> problems;
    for (const auto& key : plan.foreign_keys) {
        if (state_of(target, key) != snapshot::ForeignKeyState::missing) continue;
        const auto sql = add_foreign_key_sql(key);
        if (auto problem = problem_with(target, key, {"add_foreign_key", sql})) {
            problems.push_back({subject_of(key), std::move(*problem)});
        }
    }
    return problems;
}

}  // namespace pghaul::delta
