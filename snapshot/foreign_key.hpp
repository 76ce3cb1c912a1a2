// A foreign key on the target: the SQL that makes, checks and drops it, and what to tell the user
// when the data does not fit it. A key is added NOT VALID first, which is quick, and checked later.
#pragma once

#include <optional>
#include <string>

#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::snapshot {

enum class ForeignKeyState { missing, not_valid, valid };

ForeignKeyState state_of(io::Connection& target, const ForeignKey& key);

/// Adds it NOT VALID; PostgreSQL before 18 knows no such keys of partitioned tables: those are
/// checked at once.
std::string add_foreign_key_sql(const ForeignKey& key);
std::string validate_foreign_key_sql(const ForeignKey& key);
std::string drop_foreign_key_sql(const ForeignKey& key);

/// "foreign key f of public.t": as problems in the journal call it.
std::string subject_of(const ForeignKey& key);

/// Runs a statement that a violated key, or one whose other table is not there, may end.
/// Returns: what to tell the user then. Throws: io::Error for anything else.
std::optional<std::string> problem_with(io::Connection& target, const ForeignKey& key,
                                        const io::Query& query);

}  // namespace pghaul::snapshot
