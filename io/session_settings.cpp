#include "io/session_settings.hpp"

#include <array>

#include "io/connection.hpp"
#include "io/error.hpp"

namespace pghaul::io {
namespace {

// Values that make the text form of every type the same on every server, and timeouts off: each
// step sets the limit it needs. Names that a server doesn't have are skipped.
constexpr std::array<std::pair<const char*, const char*>, 20> kSessionDefaults = {{
    {"search_path", ""},
    {"DateStyle", "ISO, YMD"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "3"},
    {"TimeZone", "UTC"},
    {"bytea_output", "hex"},
    {"xmloption", "content"},
    {"row_security", "off"},
    {"default_transaction_isolation", "read committed"},
    {"default_transaction_read_only", "off"},
    {"statement_timeout", "0"},
    {"idle_in_transaction_session_timeout", "0"},
    {"idle_session_timeout", "0"},
    {"transaction_timeout", "0"},
    {"synchronize_seqscans", "off"},
    // The server's own side of the watch for a dead peer: a pghaul that is cut off must not leave
    // a session behind that holds locks.
    {"tcp_keepalives_idle", "10"},
    {"tcp_keepalives_interval", "5"},
    {"tcp_keepalives_count", "3"},
    // Off: else a source is cut off whose rows we take no more because the target stands still. The
    // next run ends what one that was cut off has left.
    {"tcp_user_timeout", "0"},
    // Notices during COPY IN would look like an error to the writer, which must react at once.
    {"client_min_messages", "error"},
}};

constexpr Query kApplySettings{"apply_settings", R"sql(
    select pg_catalog.set_config(s.name, v.value, false)
      from (select unnest($1::pg_catalog.text[]) as name,
                   unnest($2::pg_catalog.text[]) as value) as v
      join pg_catalog.pg_settings as s on pg_catalog.lower(s.name) = pg_catalog.lower(v.name)
)sql"};

// A backend that builds an index looks for its client only when told to (14+). Servers on systems
// that can't do it refuse the setting, and are left as they are.
constexpr Query kWatchClient{"watch_client", R"sql(
    select pg_catalog.set_config(name, '5s', false)
      from pg_catalog.pg_settings
     where name = 'client_connection_check_interval'
)sql"};

}  // namespace

void apply_settings(Connection& connection, const SessionSettings& settings) {
    std::vector<std::string> names;
    std::vector<std::string> values;
    const auto add = [&](const std::string& name, const std::string& value) {
        names.push_back(name);
        values.push_back(value);
    };
    for (const auto& [name, value] : kSessionDefaults) add(name, value);
    add("lock_timeout", std::to_string(settings.lock_timeout.count()));
    for (const auto& [name, value] : settings.extra) add(name, value);
    connection.query(kApplySettings, {array_literal(names), array_literal(values)});
    try {
        connection.query(kWatchClient);
    } catch (const Error&) {
        if (connection.poisoned()) throw;
    }

    const std::string encoding =
        settings.client_encoding.empty() ? connection.server_encoding() : settings.client_encoding;
    try {
        connection.query(
            {"set_client_encoding", "select pg_catalog.set_config('client_encoding', $1, false)"},
            {encoding});
    } catch (Error& error) {
        if (connection.poisoned()) throw;
        throw Error("the encoding " + encoding + " can't be converted to " +
                    connection.server_encoding() + ", the encoding of " + connection.server_name())
            .sqlstate(error.sqlstate())
            .hint("create the target database with ENCODING 'UTF8' or ENCODING '" + encoding + "'")
            .exit_code(ExitCode::no_go);
    }
}

}  // namespace pghaul::io
