// SQL for tests, spoken through the psql program.
//
// Deliberately not through pghaul's own libpq code: a test must not depend on what it tests.
// Thread: all functions may be called from any thread.
#pragma once

#include <string>
#include <string_view>

namespace pghaul::test {

/// The full path of the newest installed client program (psql, pg_dump, ...).
/// Throws: std::runtime_error when no PostgreSQL client is installed.
std::string client_program(const std::string& name);

/// Runs a script and returns its output: unaligned, `|` between columns, no last newline.
/// Throws: std::runtime_error with psql's error text at the first statement that fails.
std::string psql(const std::string& conninfo, std::string_view sql);

/// Quotes a name for SQL.
std::string quote_name(std::string_view name);

/// Quotes a value for a `key=value` connection string.
std::string quote_conninfo(std::string_view value);

}  // namespace pghaul::test
