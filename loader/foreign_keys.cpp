#include "loader/foreign_keys.hpp"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <optional>

#include "io/failpoint.hpp"
#include "loader/parallel.hpp"

namespace pghaul::loader {
namespace {

using io::Error;
using snapshot::ForeignKey;

/// Why a key can't be made on this target for reasons that more tries do not change.
enum class Obstacle { none, violated, no_target };

Obstacle obstacle_of(const Error& error) {
    if (error.sqlstate() == "23503") return Obstacle::violated;
    // The referenced table, column or key was not among the chosen ones.
    for (const auto* state : {"42P01", "42703", "42830", "3F000"}) {
        if (error.sqlstate() == state) return Obstacle::no_target;
    }
    return Obstacle::none;
}

enum class State { missing, not_valid, valid };

State state_of(io::Connection& target, const ForeignKey& key) {
    const auto rows = target.query({"foreign_key_state", R"sql(
                                       select convalidated
                                         from pg_catalog.pg_constraint
                                        where conrelid = pg_catalog.to_regclass($1)
                                          and conname = $2
                                          and contype = 'f'
                                   )sql"},
                                   {key.table, key.name});
    if (rows.rows() == 0) return State::missing;
    return rows.boolean(0, 0) ? State::valid : State::not_valid;
}

/// PostgreSQL knows no NOT VALID for keys of partitioned tables: those are checked at once.
std::string add_sql(const ForeignKey& key) {
    const bool says_so =
        key.definition.ends_with(" NOT VALID") || key.definition.ends_with(" NOT ENFORCED");
    return fmt::format("alter table {}{} add constraint {} {}{}", key.on_partitioned ? "" : "only ",
                       key.table, io::quote_ident(key.name), key.definition,
                       key.on_partitioned || says_so ? "" : " not valid");
}

std::string subject_of(const ForeignKey& key) {
    return "foreign key " + key.name + " of " + key.table_display;
}

std::string problem_message(const ForeignKey& key, const Error& error) {
    const auto name = io::quote_ident(key.name);
    if (obstacle_of(error) == Obstacle::no_target) {
        return fmt::format("{}; the constraint is not there; bring what it refers to, then: {}",
                           error.what(), add_sql(key));
    }
    const auto what =
        fmt::format("{} ({}); the constraint is {}; mend the rows, then: ", error.what(),
                    error.detail(), key.on_partitioned ? "not there" : "there but NOT VALID");
    return key.on_partitioned
               ? what + add_sql(key)
               : what + fmt::format("alter table {} validate constraint {}", key.table, name);
}

/// Runs a statement that a violated key may end. Returns what to tell the user then.
std::optional<std::string> problem_with(io::Connection& target, const ForeignKey& key,
                                        const io::Query& query) {
    try {
        target.execute(query);
        return std::nullopt;
    } catch (Error& error) {
        error.context(subject_of(key));
        if (obstacle_of(error) == Obstacle::none) throw;
        return problem_message(key, error);
    }
}

}  // namespace

void make_foreign_keys(const std::vector<ForeignKey>& keys, snapshot::Journal& journal,
                       const OpenTarget& open_target, int jobs, io::RunProgress& progress) {
    if (keys.empty()) return;
    // Validations of one table would wait for each other's lock: they go to one stream.
    std::map<std::string, std::vector<const ForeignKey*>> to_validate;
    auto& target = journal.connection();
    for (const auto& key : keys) {
        const State state = state_of(target, key);
        if (state == State::missing) {
            const auto problem = problem_with(target, key, {"add_foreign_key", add_sql(key)});
            if (problem) journal.note_problem(subject_of(key), *problem);
            io::failpoint(io::Failpoint::foreign_key_added);
            if (problem) continue;
        }
        // One just added to a partitioned table is checked already; one that the source itself
        // holds NOT VALID stays so.
        const bool settled = state == State::valid || !key.validated ||
                             (state == State::missing && key.on_partitioned);
        if (settled) {
            journal.forget_problem(subject_of(key));
        } else {
            to_validate[key.table].push_back(&key);
        }
    }

    std::vector<std::vector<const ForeignKey*>> groups;
    for (auto& [table, group] : to_validate) groups.push_back(std::move(group));
    std::mutex mutex;
    std::vector<std::pair<const ForeignKey*, std::optional<std::string>>> outcomes;
    for_each_parallel(
        groups.size(), jobs, "validate", open_target, progress,
        [&](std::size_t i) {
            return "validate foreign keys of " + groups[i].front()->table_display;
        },
        [&](io::Connection& connection, std::size_t i) {
            for (const auto* key : groups[i]) {
                const auto sql = fmt::format("alter table {} validate constraint {}", key->table,
                                             io::quote_ident(key->name));
                auto problem = problem_with(connection, *key, {"validate_foreign_key", sql});
                const std::lock_guard guard(mutex);
                outcomes.emplace_back(key, std::move(problem));
            }
        });
    for (const auto& [key, problem] : outcomes) {
        if (problem) {
            journal.note_problem(subject_of(*key), *problem);
        } else {
            journal.forget_problem(subject_of(*key));
        }
    }
    io::failpoint(io::Failpoint::foreign_key_validated);
}

}  // namespace pghaul::loader
