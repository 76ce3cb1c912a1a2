#include "loader/script_runner.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "io/error.hpp"
#include "io/transaction.hpp"

namespace pghaul::loader {
namespace {

constexpr io::Query kListSettings{"list_settings", R"sql(
    select pg_catalog.lower(name)
      from pg_catalog.pg_settings
)sql"};

bool is_one_of(std::string_view value, std::initializer_list<std::string_view> values) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

std::string hint_for(const io::Error& error, std::string_view title, bool whole_database) {
    const std::string_view message = error.what();
    const auto& state = error.sqlstate();
    const auto says = [&](std::string_view word) { return message.find(word) != message.npos; };
    if (title.starts_with("EXTENSION ") && is_one_of(state, {"0A000", "58P01", "22023"})) {
        return "install that extension's package on the target server, then run again";
    }
    if (title.starts_with("EXTENSION ") && state == "42501") {
        return "create that extension on the target as a superuser; it is then left as it is";
    }
    if (is_one_of(state, {"42P07", "42710", "42723", "42P06", "42701"})) {
        return "the target holds such an object already: use an empty database, or --schema-mode "
               "exists if the whole schema is there";
    }
    if (state == "42501") {
        return "connect to the target as a role that may do this and that is a member of the "
               "owners' roles, or use --no-owner --no-privileges";
    }
    if (state == "42704" && says("role ")) {
        return "create the roles first (pg_dumpall --roles-only on the source, psql on the "
               "target) or use --no-owner --no-privileges";
    }
    const bool default_tablespace = state == "22023" && says("default_tablespace");
    if (default_tablespace || (state == "42704" && says("tablespace "))) {
        return "create that tablespace on the target or use --no-tablespaces";
    }
    if (!whole_database && is_one_of(state, {"42704", "42P01", "42883", "3F000"})) {
        return "the selection leaves out something that this needs: make that on the target "
               "first, or select it too";
    }
    // The message may be in the server's own language.
    if (state == "42704") {
        return "if it is a role, create it first (pg_dumpall --roles-only) or use --no-owner "
               "--no-privileges; if it is a tablespace, use --no-tablespaces; else the target's "
               "version lacks it";
    }
    if (is_one_of(state, {"42601", "0A000", "42883"})) {
        return "the target's version doesn't know this; change it on the source, or make the "
               "schema yourself and use --schema-mode exists";
    }
    return error.hint();
}

/// A session on the target in which a script runs.
class ScriptRunner {
  public:
    ScriptRunner(const io::ConnInfo& target, const std::string& job, bool whole_database,
                 const io::Interrupt& interrupt)
        : whole_database_(whole_database),
          target_(io::Connection::open(target,
                                       {.job = job,
                                        .role = "schema",
                                        .client_encoding = "UTF8",
                                        .lock_timeout = std::chrono::milliseconds(0),
                                        .extra = {}},
                                       interrupt)) {
        const auto names = target_.query(kListSettings);
        for (int row = 0; row < names.rows(); ++row) known_settings_.insert(names.string(row, 0));
        // Notices stay off: they are pg_dump's business, not the user's.
        known_settings_.erase("client_min_messages");
    }

    void run(const SchemaScript& script, const RestoreOptions& restore) {
        for (const auto& setting : script.settings) apply({setting});
        const auto skipped = static_cast<std::size_t>(restore.entries_done);
        if (skipped == 0) drop(script.drops);
        for (std::size_t i = 0; i < std::min(skipped, script.entries.size()); ++i) {
            apply(script.entries[i].settings);
        }
        constexpr auto kStep = static_cast<std::size_t>(kEntriesPerTransaction);
        for (std::size_t i = skipped; i < script.entries.size(); i += kStep) {
            const auto end = std::min(script.entries.size(), i + kStep);
            run_batch(script, i, end, restore.mark);
        }
        if (script.entries.empty() && skipped == 0) run_batch(script, 0, 0, restore.mark);
    }

  private:
    void run_batch(const SchemaScript& script, std::size_t begin, std::size_t end,
                   const RestoreMark& mark) {
        try {
            run_at_once(script, begin, end, mark);
        } catch (const io::Error& error) {
            if (error.poisons_connection() || error.retryable()) throw;
            // Once more, one by one, to learn which entry it was.
            run_one_by_one(script, begin, end, mark);
        }
    }

    /// One round trip: on a distant server that is what counts.
    void run_at_once(const SchemaScript& script, std::size_t begin, std::size_t end,
                     const RestoreMark& mark) {
        std::string sql;
        for (std::size_t i = begin; i < end; ++i) {
            sql += known(script.entries[i].settings) + script.entries[i].sql;
        }
        io::Transaction transaction(target_);
        execute("schema", sql);
        finish(transaction, end, end == script.entries.size(), mark);
    }

    void run_one_by_one(const SchemaScript& script, std::size_t begin, std::size_t end,
                        const RestoreMark& mark) {
        io::Transaction transaction(target_);
        for (std::size_t i = begin; i < end; ++i) {
            const auto& entry = script.entries[i];
            try {
                execute("schema", known(entry.settings) + entry.sql);
            } catch (io::Error& error) {
                error.hint(hint_for(error, entry.title, whole_database_))
                    .context("schema, " + entry.title);
                throw;
            }
        }
        finish(transaction, end, end == script.entries.size(), mark);
    }

    void finish(io::Transaction& transaction, std::size_t done, bool finished,
                const RestoreMark& mark) {
        if (mark) mark(target_, {static_cast<std::int64_t>(done), finished});
        transaction.commit();
    }

    /// Several transactions, since dropping locks as creating does. A crash in between is no harm:
    /// every statement has IF EXISTS, and the next attempt begins here again.
    void drop(const std::vector<std::string>& drops) {
        std::string sql;
        for (std::size_t i = 0; i < drops.size(); ++i) {
            sql += drops[i];
            const bool last = i + 1 == drops.size();
            if (!last && (i + 1) % static_cast<std::size_t>(kEntriesPerTransaction) != 0) continue;
            try {
                execute("schema_clean", sql);
            } catch (io::Error& error) {
                error.context("schema, dropping what an earlier attempt made");
                throw;
            }
            sql.clear();
        }
    }

    /// Those of the SET statements that this server understands; others are used as they are.
    std::string known(const std::vector<std::string>& statements) const {
        std::string sql;
        for (const auto& statement : statements) {
            if (!statement.starts_with("SET ") ||
                known_settings_.contains(setting_name(statement))) {
                sql += statement + "\n";
            }
        }
        return sql;
    }

    void apply(const std::vector<std::string>& settings) {
        try {
            execute("settings", known(settings));
        } catch (io::Error& error) {
            error.hint(hint_for(error, "", whole_database_)).context("schema");
            throw;
        }
    }

    void execute(std::string_view name, const std::string& sql) {
        if (sql.find_first_not_of('\n') != sql.npos) target_.execute({name, sql});
    }

    bool whole_database_;
    io::Connection target_;
    std::set<std::string> known_settings_;
};

}  // namespace

void run_script(const SchemaScript& script, const io::ConnInfo& target, const std::string& job,
                bool whole_database, const RestoreOptions& restore,
                const io::Interrupt& interrupt) {
    ScriptRunner(target, job, whole_database, interrupt).run(script, restore);
}

}  // namespace pghaul::loader
