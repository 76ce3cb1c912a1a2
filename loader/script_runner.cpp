#include "loader/script_runner.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "io/error.hpp"
#include "io/transaction.hpp"
#include "loader/script_session.hpp"
#include "loader/side_by_side.hpp"

namespace pghaul::loader {
namespace {

constexpr const char* kRole = "schema";

/// Fewer entries are made sooner than sessions are opened.
constexpr std::size_t kWorthSeveral = 64;
/// A schema whose tables need one another is made in one session after so many failures.
constexpr int kFailures = 2;
/// A part that waits for a later one would wait for ever, since that one commits after it.
constexpr const char* kLockSoon = "set local lock_timeout to '10s';\n";
/// Each TOAST table has an index, and without it the server looks how many workers that wants.
constexpr const char* kNoHelpers = "set local max_parallel_maintenance_workers to 0;\n";

/// $1 owner of schema public on the source. Column: nobody can or may make him its owner here.
constexpr io::Query kPublicStays{"public_stays", R"sql(
    select not exists (
        select 1
          from pg_catalog.pg_roles as o, pg_catalog.pg_roles as me
         where o.rolname = $1
           and me.rolname = current_user
           and (me.rolsuper
                or not o.rolsuper
                or pg_catalog.pg_has_role(
                       o.oid,
                       case when pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 160000
                            then 'set'
                            else 'member'
                       end)))
)sql"};
constexpr io::Query kOwnRole{"own_role", "select pg_catalog.quote_ident(current_user)"};
constexpr std::string_view kPublic = "SCHEMA - public ";

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
        return "the target holds such an object already: give an empty database";
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
        return "create that tablespace on the target";
    }
    if (!whole_database && is_one_of(state, {"42704", "42P01", "42883", "3F000"})) {
        return "the selection leaves out something that this needs: make that on the target "
               "first, or select it too";
    }
    // The message may be in the server's own language.
    if (state == "42704") {
        return "if it is a role, create it first (pg_dumpall --roles-only) or use --no-owner "
               "--no-privileges; if it is a tablespace, create it there; else the target's version "
               "lacks it";
    }
    if (is_one_of(state, {"42601", "0A000", "42883"})) {
        return "the target's version doesn't know this; change it on the source";
    }
    return error.hint();
}

/// Runs a script in one session, and what may be made side by side in several.
class ScriptRunner {
  public:
    ScriptRunner(const io::ConnInfo& target, const std::string& job, const RestoreOptions& restore,
                 bool whole_database, const io::Interrupt& interrupt)
        : target_(target),
          job_(job),
          restore_(restore),
          whole_database_(whole_database),
          interrupt_(interrupt),
          main_(target, job, kRole, interrupt) {}

    void run(const SchemaScript& script) {
        apply(main_, script.settings);
        look_at_public(script);
        own_role_ = main_.connection().query_value(kOwnRole);
        const auto skipped = static_cast<std::size_t>(restore_.entries_done);
        if (skipped == 0) drop(script.drops);
        const auto beside = side_by_side_from(script);
        const auto size = script.entries.size();
        for (std::size_t i = skipped; i < size;) {
            const auto wide = several() ? beside[i] : 0;
            if (wide >= kWorthSeveral) {
                i = run_side_by_side(script, {i, i + std::min(wide, kStep)});
                continue;
            }
            auto end = i + 1;
            while (end < std::min(size, i + kStep) &&
                   !(several() && beside[end] >= kWorthSeveral)) {
                ++end;
            }
            run_batch(script, {i, end});
            i = end;
        }
        if (script.entries.empty() && skipped == 0) run_batch(script, {0, 0});
    }

  private:
    static constexpr auto kStep = static_cast<std::size_t>(kEntriesPerTransaction);

    bool several() const { return restore_.sessions > 1 && failures_ < kFailures; }

    /// Every database has a schema public. In those of versions before 15 it is a superuser's,
    /// unless somebody has changed it: nothing that a mere owner of the target could hand over, or
    /// would have to.
    void look_at_public(const SchemaScript& script) {
        for (std::size_t i = 0; i < script.entries.size(); ++i) {
            const auto& title = script.entries[i].title;
            const bool gives_away =
                title.starts_with(kPublic) &&
                script.entries[i].sql.find("ALTER SCHEMA public OWNER TO ") != std::string::npos;
            if (!gives_away) continue;
            const auto owner = title.substr(kPublic.size());
            if (!main_.connection().query_row(kPublicStays, {owner}).boolean(0, 0)) return;
            spdlog::info(
                "schema public stays with its owner on the target: on the source it is {}'s",
                owner);
            left_out_ = i;
            return;
        }
    }

    std::string sql_of(const SchemaScript& script, std::size_t entry,
                       const ScriptSession& session) const {
        if (entry == left_out_) return {};
        const auto& [title, settings, sql] = script.entries[entry];
        // What there may be thousands of.
        const bool frequent = title.starts_with("TABLE ") || title.starts_with("SEQUENCE ");
        return session.known(settings).append(frequent ? without_owner(sql, own_role_) : sql);
    }

    /// Each session makes its part in a transaction of its own. These commit one after the other,
    /// so that what is made is always the beginning of the script, as the mark says.
    /// Returns where to go on: the end of what is made.
    std::size_t run_side_by_side(const SchemaScript& script, ScriptPart all) {
        std::size_t made = all.begin;
        try {
            const auto parts = cut_at_tables(script, all, restore_.sessions);
            open_others(script, parts.size() - 1);
            std::vector<std::unique_ptr<io::Transaction>> transactions;
            std::vector<std::future<void>> working;
            for (std::size_t i = 0; i < parts.size(); ++i) {
                auto& session = i == 0 ? main_ : *others_[i - 1];
                transactions.push_back(std::make_unique<io::Transaction>(session.connection()));
                working.push_back(std::async(std::launch::async, [this, &script, &session, &parts,
                                                                  i] {
                    const bool helpers = session.connection().server_major() >= 11;
                    session.execute("schema", std::string(kLockSoon) + (helpers ? kNoHelpers : "") +
                                                  sql_of(script, parts[i], session));
                }));
            }
            for (std::size_t i = 0; i < parts.size(); ++i) {
                working[i].get();
                auto& session = i == 0 ? main_ : *others_[i - 1];
                finish(session, *transactions[i], script, parts[i].end);
                made = parts[i].end;
            }
        } catch (const io::Error& error) {
            interrupt_.check();
            spdlog::debug("the schema is made in one session for a while: {}", error.what());
            others_.clear();
            // What a lost session has committed is known only from its mark.
            if (error.poisons_connection()) throw;
            ++failures_;
            // In order; whatever was wrong shows again, if it was not the order.
            run_batch(script, {made, all.end});
            made = all.end;
        }
        return made;
    }

    /// At the same time: one takes as long as making ten tables.
    void open_others(const SchemaScript& script, std::size_t number) {
        std::vector<std::future<std::unique_ptr<ScriptSession>>> opening;
        for (std::size_t i = others_.size(); i < number; ++i) {
            opening.push_back(std::async(std::launch::async, [this, &script, i] {
                const auto role = fmt::format("{} {}", kRole, i + 2);
                auto session = std::make_unique<ScriptSession>(target_, job_, role, interrupt_);
                apply(*session, script.settings);
                return session;
            }));
        }
        for (auto& session : opening) others_.push_back(session.get());
    }

    std::string sql_of(const SchemaScript& script, ScriptPart part,
                       const ScriptSession& session) const {
        std::string sql = session.known(settings_at(script, part.begin));
        for (std::size_t i = part.begin; i < part.end; ++i) {
            sql += sql_of(script, i, session);
        }
        return sql;
    }

    void run_batch(const SchemaScript& script, ScriptPart part) {
        try {
            run_at_once(script, part);
        } catch (const io::Error& error) {
            if (error.poisons_connection() || error.retryable()) throw;
            // Once more, one by one, to learn which entry it was.
            run_one_by_one(script, part);
        }
    }

    /// One round trip: on a distant server that is what counts.
    void run_at_once(const SchemaScript& script, ScriptPart part) {
        io::Transaction transaction(main_.connection());
        main_.execute("schema", sql_of(script, part, main_));
        finish(main_, transaction, script, part.end);
    }

    void run_one_by_one(const SchemaScript& script, ScriptPart part) {
        io::Transaction transaction(main_.connection());
        apply(main_, settings_at(script, part.begin));
        for (std::size_t i = part.begin; i < part.end; ++i) {
            const auto& title = script.entries[i].title;
            try {
                main_.execute("schema", sql_of(script, i, main_));
            } catch (io::Error& error) {
                error.hint(hint_for(error, title, whole_database_)).context("schema, " + title);
                throw;
            }
        }
        finish(main_, transaction, script, part.end);
    }

    void finish(ScriptSession& session, io::Transaction& transaction, const SchemaScript& script,
                std::size_t done) {
        if (restore_.mark) {
            restore_.mark(session.connection(),
                          {static_cast<std::int64_t>(done), done == script.entries.size()});
        }
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
                main_.execute("schema_clean", sql);
            } catch (io::Error& error) {
                error.context("schema, dropping what an earlier attempt made");
                throw;
            }
            sql.clear();
        }
    }

    void apply(ScriptSession& session, const std::vector<std::string>& settings) {
        try {
            session.execute("settings", session.known(settings));
        } catch (io::Error& error) {
            error.hint(hint_for(error, "", whole_database_)).context("schema");
            throw;
        }
    }

    const io::ConnInfo& target_;
    const std::string& job_;
    const RestoreOptions& restore_;
    bool whole_database_;
    const io::Interrupt& interrupt_;
    ScriptSession main_;
    std::vector<std::unique_ptr<ScriptSession>> others_;
    /// As whom the sessions make things, quoted.
    std::string own_role_;
    int failures_ = 0;
    std::optional<std::size_t> left_out_;
};

}  // namespace

void run_script(const SchemaScript& script, const io::ConnInfo& target, const std::string& job,
                bool whole_database, const RestoreOptions& restore,
                const io::Interrupt& interrupt) {
    ScriptRunner(target, job, restore, whole_database, interrupt).run(script);
}

}  // namespace pghaul::loader
