#include "loader/foreign_keys.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <mutex>
#include <optional>

#include "io/failpoint.hpp"
#include "loader/parallel.hpp"
#include "snapshot/foreign_key.hpp"

namespace pghaul::loader {

using snapshot::ForeignKey;
using State = snapshot::ForeignKeyState;

namespace {

std::optional<std::string> add(io::Connection& target, const ForeignKey& key) {
    auto problem = problem_with(target, key, {"add_foreign_key", add_foreign_key_sql(key)});
    io::failpoint(io::Failpoint::foreign_key_added);
    return problem;
}

std::optional<std::string> validate(io::Connection& target, const ForeignKey& key) {
    return problem_with(target, key, {"validate_foreign_key", validate_foreign_key_sql(key)});
}

}  // namespace

void make_foreign_keys_early(io::Connection& target, const std::vector<const ForeignKey*>& keys) {
    for (const auto* key : keys) {
        try {
            const State state = state_of(target, *key);
            if (state == State::valid || (state == State::missing && add(target, *key))) continue;
            if (key->validated) validate(target, *key);
        } catch (const io::Error& error) {
            // A full disk, a lock that is not to be had, a session of ours that was cut off and has
            // just added it: no reason to end a copy that still reads. What passes by itself is the
            // stream's to try again, but not a lock that was waited for this long.
            const bool lock = error.sqlstate() == "55P03";
            if (target.poisoned() || (error.retryable() && !lock)) throw;
            spdlog::debug("{} is left for later: {}", subject_of(*key), error.what());
        }
    }
}

void make_foreign_keys(const std::vector<ForeignKey>& keys, snapshot::Journal& journal,
                       const OpenTarget& open_target, int jobs, io::RunProgress& progress) {
    if (keys.empty()) return;
    // Validations of one table would wait for each other's lock: they go to one stream.
    std::map<std::string, std::vector<const ForeignKey*>> to_validate;
    auto& target = journal.connection();
    for (const auto& key : keys) {
        const State state = state_of(target, key);
        if (state == State::missing) {
            if (const auto problem = add(target, key)) {
                journal.note_problem(subject_of(key), *problem);
                continue;
            }
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
                auto problem = validate(connection, *key);
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

void comment_foreign_keys(io::Connection& source, io::Connection& target,
                          const std::vector<ForeignKey>& keys) {
    std::map<snapshot::Oid, const ForeignKey*> by_oid;
    std::vector<std::string> oids;
    for (const auto& key : keys) {
        by_oid[key.oid] = &key;
        oids.push_back(std::to_string(key.oid));
    }
    const auto rows = source.query({"foreign_key_comments", R"sql(
                                       select d.objoid::pg_catalog.int8, d.description
                                         from pg_catalog.pg_description as d
                                        where d.classoid = 'pg_catalog.pg_constraint'
                                                               ::pg_catalog.regclass
                                          and d.objoid = any($1::pg_catalog.oid[])
                                   )sql"},
                                   {io::array_literal(oids)});
    for (int row = 0; row < rows.rows(); ++row) {
        const auto& key = *by_oid.at(static_cast<snapshot::Oid>(rows.integer(row, 0)));
        if (state_of(target, key) == State::missing) continue;
        target.execute({"comment_foreign_key", fmt::format("comment on constraint {} on {} is {}",
                                                           io::quote_ident(key.name), key.table,
                                                           io::quote_literal(rows.text(row, 1)))});
    }
}

}  // namespace pghaul::loader
