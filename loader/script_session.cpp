#include "loader/script_session.hpp"

#include <chrono>

#include "loader/schema_script.hpp"

namespace pghaul::loader {
namespace {

constexpr io::Query kListSettings{"list_settings", R"sql(
    select pg_catalog.lower(name)
      from pg_catalog.pg_settings
)sql"};

}  // namespace

ScriptSession::ScriptSession(const io::ConnInfo& target, const std::string& job,
                             const std::string& role, const io::Interrupt& interrupt)
    : target_(io::Connection::open(target,
                                   {.job = job,
                                    .role = role,
                                    .client_encoding = "UTF8",
                                    .lock_timeout = std::chrono::milliseconds(0),
                                    .extra = {}},
                                   interrupt)) {
    const auto names = target_.query(kListSettings);
    for (int row = 0; row < names.rows(); ++row) known_settings_.insert(names.string(row, 0));
    // Notices stay off: they are pg_dump's business, not the user's.
    known_settings_.erase("client_min_messages");
}

std::string ScriptSession::known(const std::vector<std::string>& statements) const {
    std::string sql;
    for (const auto& statement : statements) {
        if (!statement.starts_with("SET ") || known_settings_.contains(setting_name(statement))) {
            sql += statement + "\n";
        }
    }
    return sql;
}

void ScriptSession::execute(std::string_view name, const std::string& sql) {
    if (sql.find_first_not_of('\n') != sql.npos) target_.execute({name, sql});
}

}  // namespace pghaul::loader
