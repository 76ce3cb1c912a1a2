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

constexpr std::string_view kForeignKeyViolation = "23503";

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
    const bool says_so = key.definition.ends_with(" NOT VALID") ||
                         key.definition.ends_with(" NOT ENFORCED");
    return fmt::format("alter table {}{} add constraint {} {}{}", key.on_partitioned ? "" : "only ",
                       key.table, io::quote_ident(key.name), key.definition,
                       key.on_partitioned || says_so ? "" : " not valid");
}

std::string subject_of(const ForeignKey& key) {
    return "foreign key " + key.name + " of " + key.table_display;
}

std::string violation_message(const ForeignKey& key, const Error& error) {
    const auto name = io::quote_ident(key.name);
    const auto what = fmt::format("{} ({}); the constraint is {}; mend the rows, then: ",
                                  error.what(), error.detail(),
                                  key.on_partitioned ? "not there" : "there but NOT VALID");
    return key.on_partitioned
               ? what + add_sql(key)
               : what + fmt::format("alter table {} validate constraint {}", key.table, name);
}

/// Runs a statement that a violated key may end. Returns the message then.
std::optional<std::string> violated_by(io::Connection& target, const ForeignKey& key,
                                       const io::Query& query) {
    try {
        target.execute(query);
        return std::nullopt;
    } catch (Error& error) {
        error.context(subject_of(key));
        if (error.sqlstate() != kForeignKeyViolation) throw;
        return violation_message(key, error);
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
            const auto problem = violated_by(target, key, {"add_foreign_key", add_sql(key)});
            if (problem) journal.note_problem(subject_of(key), *problem);
            // Added to a partitioned table it is checked already: an earlier problem is mended.
            if (!problem && key.on_partitioned) journal.forget_problem(subject_of(key));
            io::failpoint(io::Failpoint::foreign_key_added);
            if (problem || key.on_partitioned) continue;
        }
        if (state != State::valid && key.validated) to_validate[key.table].push_back(&key);
        if (state == State::valid) journal.forget_problem(subject_of(key));
    }

    std::vector<std::vector<const ForeignKey*>> groups;
    for (auto& [table, group] : to_validate) groups.push_back(std::move(group));
    std::mutex mutex;
    std::vector<std::pair<const ForeignKey*, std::optional<std::string>>> outcomes;
    for_each_parallel(
        groups.size(), jobs, "validate", open_target, progress,
        [&](std::size_t i) { return "validate foreign keys of " + groups[i].front()->table_display; },
        [&](io::Connection& connection, std::size_t i) {
            for (const auto* key : groups[i]) {
                const auto sql = fmt::format("alter table {} validate constraint {}", key->table,
                                             io::quote_ident(key->name));
                auto problem = violated_by(connection, *key, {"validate_foreign_key", sql});
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
