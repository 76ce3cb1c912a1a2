#include "delta/capture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "delta/capture_sql.hpp"
#include "delta/triggers.hpp"
#include "io/failpoint.hpp"
#include "io/transaction.hpp"
#include "snapshot/catalog.hpp"

namespace pghaul::delta {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using snapshot::TableInfo;

// 150 attempts of half a second and pauses of up to 2 s: a few minutes, then a person decides.
constexpr int kAttempts = 150;
constexpr int kLongestPauseMs = 2000;
constexpr const char* kUndefinedTable = "42P01";

int pause_ms(int attempt) {
    thread_local std::minstd_rand random{std::random_device{}()};
    const int full = std::min(100 << std::min(attempt, 5), kLongestPauseMs);
    return full / 2 + static_cast<int>(random() % static_cast<unsigned>(full / 2 + 1));
}

/// What stands of a table's capture.
struct Standing {
    int triggers = 0;
    int always_firing = 0;
    std::string made_for;
};

/// By the table's oid.
std::map<snapshot::Oid, Standing> standing(Connection& source, const std::string& job,
                                           const std::vector<TableInfo>& tables) {
    std::vector<snapshot::Oid> oids;
    for (const auto& table : tables) oids.push_back(table.oid);
    std::map<snapshot::Oid, Standing> found;
    const auto rows = source.query(kListCaptured, {name_prefix(job), snapshot::oid_array(oids)});
    for (int row = 0; row < rows.rows(); ++row) {
        found[static_cast<snapshot::Oid>(rows.integer(row, 0))] = {
            static_cast<int>(rows.integer(row, 1)), static_cast<int>(rows.integer(row, 2)),
            rows.is_null(row, 3) ? "" : rows.string(row, 3)};
    }
    return found;
}

bool complete(const std::map<snapshot::Oid, Standing>& found, const TableInfo& table) {
    const auto at = found.find(table.oid);
    const auto wanted = trigger_count(table);
    return at != found.end() && at->second.triggers == wanted &&
           at->second.always_firing == wanted && at->second.made_for == made_for(table);
}

std::string blockers_of(Connection& source, snapshot::Oid table, InTheWay kind) {
    const auto text = describe(find_blockers(source, {table}, kind, std::chrono::milliseconds(0)));
    return text.empty() ? "a transaction that has ended by now" : text;
}

std::string choose_schema(Connection& source, const std::vector<TableInfo>& tables) {
    const auto may = source.query_row(kMayCreate, {""});
    if (may.boolean(0, 1) && may.boolean(0, 2)) return "pghaul";
    if (!may.boolean(0, 1) && may.boolean(0, 0)) {
        source.execute({"create_capture_schema",
                        "create schema pghaul; comment on schema pghaul is 'captured changes of "
                        "pghaul; remove them with: pghaul drop'"});
        return "pghaul";
    }
    std::vector<snapshot::Oid> oids;
    for (const auto& table : tables) oids.push_back(table.oid);
    const auto others = source.query(kSchemasToUse, {snapshot::oid_array(oids)});
    if (others.rows() > 0) return others.string(0, 0);
    throw Error(fmt::format("role {} may create tables nowhere in the source, so changes can't be "
                            "captured",
                            may.text(0, 4)))
        .exit_code(ExitCode::no_go)
        .hint(fmt::format("grant create on database {} to {}; or: create schema pghaul "
                          "authorization {}; or stop all writes and use --no-capture",
                          io::quote_ident(may.text(0, 3)), io::quote_ident(may.text(0, 4)),
                          io::quote_ident(may.text(0, 4))));
}

}  // namespace

bool is_captured(const TableInfo& table) {
    return table.kind != snapshot::TableKind::extension_config;
}

std::optional<CaptureSite> find_site(Connection& source, const std::string& job) {
    const auto rows = source.query(kFindSite, {name_prefix(job)});
    if (rows.rows() == 0) return std::nullopt;
    return CaptureSite{job, rows.string(0, 0)};
}

SiteOwner owner_of(Connection& source, const CaptureSite& site) {
    const auto row = source.query_row(
        {"read_site", fmt::format("select job_id, target from {}", state_table(site))});
    return {row.string(0, 0), row.string(0, 1)};
}

std::string id_of_import(const std::string& export_id, const std::string& import) {
    return export_id + "." + import;
}

bool captures_for(const SiteOwner& owner, const std::string& job_id) {
    return owner.job_id == job_id || job_id.starts_with(owner.job_id + ".");
}

void claim_site(Connection& source, const CaptureSite& site, const std::string& job_id,
                const std::string& target) {
    auto owner = owner_of(source, site);
    if (owner.job_id == job_id) return;
    if (captures_for(owner, job_id)) {
        const auto claimed = source.query(
            {"claim_site", fmt::format("update {} set job_id = $1, target = $2 where job_id = $3",
                                       state_table(site))},
            {job_id, target, owner.job_id});
        if (claimed.affected() == 1) return;
        owner = owner_of(source, site);
        if (owner.job_id == job_id) return;
    }
    throw Error(
        fmt::format("the changes captured on the source for job {} go to another target, {}",
                    site.job, owner.target))
        .exit_code(ExitCode::no_go)
        .hint(
            "one target can take the changes of an export; for another one, run or export anew "
            "with another --job");
}

CaptureSite make_site(Connection& source, const std::string& job, const std::string& job_id,
                      const std::string& target, const std::vector<TableInfo>& tables) {
    auto site = find_site(source, job);
    if (!site) {
        io::Transaction transaction(source);
        site = CaptureSite{job, choose_schema(source, tables)};
        source.execute(
            {"create_site",
             fmt::format("create table {} (job_id text not null, target text not null, made_at "
                         "timestamptz not null); create table {} (x bigint not null, relid oid not "
                         "null)",
                         state_table(*site), truncated_table(*site))});
        source.query({"note_site", fmt::format("insert into {} values ($1, $2, "
                                               "pg_catalog.clock_timestamp())",
                                               state_table(*site))},
                     {job_id, target});
        transaction.commit();
        io::failpoint(io::Failpoint::capture_site_made);
        return *site;
    }
    const auto owner = owner_of(source, *site);
    if (captures_for(owner, job_id)) {
        claim_site(source, *site, job_id, target);
        return *site;
    }
    throw Error(fmt::format("another job named {} captures this source, for the target {}", job,
                            owner.target))
        .exit_code(ExitCode::no_go)
        .hint(
            "give this job another name with --job; if that other one is over: pghaul drop "
            "--job " +
            job + " with only --source");
}

void with_short_locks(Connection& source, snapshot::Oid table, const std::string& display,
                      InTheWay kind, const io::Interrupt& interrupt,
                      const std::function<void(const std::string&)>& waiting,
                      const std::function<void()>& body) {
    for (int attempt = 1;; ++attempt) {
        try {
            io::Transaction transaction(source);
            const auto wait = attempt % 4 == 0 ? kLongerLock : kShortLock;
            source.execute(
                {"short_lock_timeout", fmt::format("set local lock_timeout to {}", wait.count())});
            body();
            transaction.commit();
            return;
        } catch (Error& error) {
            const bool in_the_way = error.sqlstate() == "55P03" || error.sqlstate() == "40P01";
            if (error.context().empty()) error.context(display);
            if (!in_the_way || error.poisons_connection()) throw;
            const auto blockers = blockers_of(source, table, kind);
            if (attempt == kAttempts) {
                throw Error(
                    fmt::format("{} stays locked: {} attempts to lock it for {} ms and more failed",
                                display, attempt, kShortLock.count()))
                    .sqlstate(error.sqlstate())
                    .detail("in the way: " + blockers)
                    .exit_code(ExitCode::stopped)
                    .hint(
                        "end that transaction (for a prepared one: COMMIT PREPARED or ROLLBACK "
                        "PREPARED), then run again");
            }
            waiting(blockers);
            interrupt.sleep_ms(pause_ms(attempt));
        }
    }
}

void install(Connection& source, const CaptureSite& site, const TableInfo& table,
             const io::Interrupt& interrupt,
             const std::function<void(const std::string&)>& waiting) {
    const auto found = standing(source, site.job, {table});
    if (!is_captured(table) || complete(found, table)) return;
    const auto at = found.find(table.oid);
    const bool delta_fits = at != found.end() && at->second.made_for == made_for(table);
    const auto make = [&] {
        // The one place that waits; once it is held, nothing below does.
        source.execute({"lock_for_capture",
                        "lock table only " + table.qualified() + " in share row exclusive mode"});
        if (!delta_fits) {
            source.execute({"drop_delta", "drop table if exists " + delta_table(site, table.oid)});
            source.execute({"create_delta", create_delta_sql(site, table)});
        }
        source.execute({"create_capture_function", function_sql(site, table)});
        source.execute({"create_capture_triggers", create_triggers_sql(site, table)});
    };
    try {
        with_short_locks(source, table.oid, table.display(), InTheWay::writers, interrupt, waiting,
                         make);
    } catch (const Error& error) {
        if (error.sqlstate() != kUndefinedTable) throw;
        return;
    }
    io::failpoint(io::Failpoint::capture_installed);
}

std::vector<std::string> uncaptured(Connection& source, const CaptureSite& site,
                                    const std::vector<TableInfo>& tables) {
    const auto found = standing(source, site.job, tables);
    std::vector<std::string> names;
    for (const auto& table : tables) {
        if (is_captured(table) && !complete(found, table)) names.push_back(table.display());
    }
    return names;
}

std::string prepared_blockers(Connection& source, const std::vector<TableInfo>& tables) {
    std::vector<snapshot::Oid> oids;
    for (const auto& table : tables) oids.push_back(table.oid);
    const auto rows = source.query(kPreparedBlockers, {snapshot::oid_array(oids)});
    std::string text;
    for (int row = 0; row < rows.rows(); ++row) {
        text += fmt::format("{}{} of {} on {}", row == 0 ? "" : ", ", rows.text(row, 0),
                            rows.text(row, 1), rows.text(row, 2));
    }
    return text;
}

Removed remove_all(Connection& source, const std::string& job, const io::Interrupt& interrupt) {
    Removed removed;
    std::map<std::string, std::vector<std::string>> triggers;
    const auto rows = source.query(kListOurTriggers, {name_prefix(job)});
    for (int row = 0; row < rows.rows(); ++row) {
        triggers[rows.string(row, 0)].push_back(rows.string(row, 1));
        removed.fence =
            removed.fence || rows.text(row, 1) == name_prefix(job) + std::string(kFence);
    }
    for (const auto& [table, names] : triggers) {
        const auto oid = source.query_value(
            {"oid_of", "select pg_catalog.to_regclass($1)::pg_catalog.oid"}, {table});
        with_short_locks(
            source, static_cast<snapshot::Oid>(std::stoul(oid)), table, InTheWay::anybody,
            interrupt, [](const std::string&) {},
            [&] {
                for (const auto& name : names) {
                    source.execute({"drop_trigger", "drop trigger if exists " +
                                                        io::quote_ident(name) + " on " + table});
                }
            });
        removed.triggers += static_cast<int>(names.size());
        io::failpoint(io::Failpoint::capture_removed);
    }
    const auto objects = source.query(kListOurObjects, {name_prefix(job)});
    for (int row = 0; row < objects.rows(); ++row) {
        source.execute({"drop_object", objects.text(row, 0)});
        ++removed.objects;
    }
    // Only ours, and only when nothing is left in it: RESTRICT refuses otherwise.
    if (!jobs_on(source).empty() ||
        !source
             .query_row(
                 {"schema_exists", "select pg_catalog.to_regnamespace('pghaul') is not null"})
             .boolean(0, 0)) {
        return removed;
    }
    try {
        source.execute({"drop_capture_schema", "drop schema pghaul restrict"});
        removed.schema = true;
    } catch (const Error& error) {
        // Something of somebody else's lives there, or it belongs to another role.
        if (error.sqlstate() != "2BP01" && error.sqlstate() != "42501") throw;
    }
    return removed;
}

std::vector<std::string> jobs_on(Connection& source) {
    const auto rows = source.query(kListJobsOnSource);
    std::vector<std::string> jobs;
    for (int row = 0; row < rows.rows(); ++row) jobs.push_back(rows.string(row, 0));
    return jobs;
}

}  // namespace pghaul::delta
