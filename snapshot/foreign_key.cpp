#include "snapshot/foreign_key.hpp"

#include <fmt/format.h>

namespace pghaul::snapshot {
namespace {

using io::Error;

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

/// A key of a partitioned table is one with those of its leaves, others stand for themselves.
std::string alter_table(const ForeignKey& key) {
    return fmt::format("alter table {}{}", key.on_partitioned ? "" : "only ", key.table);
}

std::string problem_message(const ForeignKey& key, const Error& error) {
    if (obstacle_of(error) == Obstacle::no_target) {
        return fmt::format("{}; the constraint is not there; bring what it refers to, then: {}",
                           error.what(), add_foreign_key_sql(key));
    }
    return fmt::format(
        "{} ({}); the constraint is {}; mend the rows, then: {}", error.what(), error.detail(),
        key.on_partitioned ? "not there" : "there but NOT VALID",
        key.on_partitioned ? add_foreign_key_sql(key) : validate_foreign_key_sql(key));
}

}  // namespace

ForeignKeyState state_of(io::Connection& target, const ForeignKey& key) {
    const auto rows = target.query({"foreign_key_state", R"sql(
                                       select convalidated
                                         from pg_catalog.pg_constraint
                                        where conrelid = pg_catalog.to_regclass($1)
                                          and conname = $2
                                          and contype = 'f'
                                   )sql"},
                                   {key.table, key.name});
    if (rows.rows() == 0) return ForeignKeyState::missing;
    return rows.boolean(0, 0) ? ForeignKeyState::valid : ForeignKeyState::not_valid;
}

std::string add_foreign_key_sql(const ForeignKey& key) {
    const bool says_so =
        key.definition.ends_with(" NOT VALID") || key.definition.ends_with(" NOT ENFORCED");
    return fmt::format("{} add constraint {} {}{}", alter_table(key), io::quote_ident(key.name),
                       key.definition, key.on_partitioned || says_so ? "" : " not valid");
}

std::string validate_foreign_key_sql(const ForeignKey& key) {
    return fmt::format("alter table {} validate constraint {}", key.table,
                       io::quote_ident(key.name));
}

std::string drop_foreign_key_sql(const ForeignKey& key) {
    return fmt::format("{} drop constraint {}", alter_table(key), io::quote_ident(key.name));
}

std::string subject_of(const ForeignKey& key) {
    return "foreign key " + key.name + " of " + key.table_display;
}

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

}  // namespace pghaul::snapshot
