// What the target lacks or holds too much of; the source's side is in hazards.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "cmd/hazards.hpp"
#include "cmd/hazards_sql.hpp"
#include "cmd/hazards_text.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using snapshot::SourceNeeds;
using Weight = Hazard::Weight;

std::vector<std::string> missing_on(Connection& target, const io::Query& query,
                                    const std::vector<std::string>& names) {
    if (names.empty()) return {};
    return first_column(target.query(query, {io::array_literal(names)}));
}

void check_encoding(Connection& target, const std::string& encoding) {
    try {
        target.query({"try_encoding", "select pg_catalog.set_config('client_encoding', $1, false)"},
                     {encoding});
        target.execute({"reset_encoding", "set client_encoding to 'UTF8'"});
    } catch (const Error& error) {
        if (error.poisons_connection()) throw;
        throw Error(fmt::format("text in the source's encoding {} can't be converted to the "
                                "target's, {}",
                                encoding, target.server_encoding()))
            .sqlstate(error.sqlstate())
            .exit_code(ExitCode::no_go)
            .hint("create the target database with ENCODING 'UTF8' (or '" + encoding +
                  "') and TEMPLATE template0");
    }
}

void look_for_roles(Connection& target, const SourceNeeds& needs, const Options& options,
                    std::vector<Hazard>& hazards) {
    if (options.no_owner && options.no_privileges) return;
    const auto missing = missing_on(target, kMissingRoles, needs.roles);
    const auto others = missing_on(target, kRolesOfOthers, needs.owners);
    if (!options.no_owner && !others.empty()) {
        hazards.push_back({Weight::warning,
                           "objects can't be made on the target for their owners, as whose member "
                           "it is not connected: " +
                               listed(others),
                           "grant these roles there to the one that connects, or use --no-owner"});
    }
    if (missing.empty()) return;
    // With a choice of tables some of these roles may not be needed; pg_restore will tell.
    hazards.push_back(
        {options.selection.everything() ? Weight::no_go : Weight::warning,
         "roles that own objects or hold rights are missing on the target: " + listed(missing),
         "create them there (pg_dumpall --roles-only), or use --no-owner "
         "--no-privileges"});
}

void look_for_contents(Connection& target, const SourceNeeds& needs, const Options& options,
                       std::vector<Hazard>& hazards) {
    std::vector<std::string> standing;
    if (options.selection.everything()) {
        standing = first_column(target.query(kUserObjects));
    } else {
        std::vector<std::string> schemas;
        std::vector<std::string> names;
        for (const auto& relation : needs.relations) {
            schemas.push_back(relation.schema);
            names.push_back(relation.name);
        }
        standing = first_column(
            target.query(kExisting, {io::array_literal(schemas), io::array_literal(names)}));
    }
    if (standing.empty()) return;
    hazards.push_back({Weight::no_go, "the target is not empty: " + listed(standing),
                       "give an empty database (createdb -T template0), or drop these objects; "
                       "nothing was touched"});
}

void look_at_target(Connection& target, const SourceNeeds& needs, const Options& options,
                    std::vector<Hazard>& hazards) {
    const auto facts = target.query_row(kTargetFacts);
    if (!facts.boolean(0, 0)) {
        hazards.push_back({Weight::no_go,
                           "role " + facts.string(0, 6) + " may not create schemas in the target",
                           "connect as the database's owner, or: grant create on database … to " +
                               facts.string(0, 6)});
    }
    // Streams, journal, and pg_restore or the display's look at what streams wait for.
    if (facts.integer(0, 3) < options.jobs + 3) {
        hazards.push_back({Weight::warning,
                           fmt::format("the target has {} free connections; {} streams need {}",
                                       facts.text(0, 3), options.jobs, options.jobs + 3),
                           "use fewer streams (-j) or raise max_connections"});
    }
    if (facts.integer(0, 2) < (std::int64_t{4} << 30)) {
        hazards.push_back({Weight::note,
                           "the target's max_wal_size is below 4GB: checkpoints will come often",
                           "raise max_wal_size for the time of the copy"});
    }
    if (facts.text(0, 1) != "minimal") {
        hazards.push_back({Weight::note,
                           "the target writes WAL for every row (wal_level is " +
                               facts.string(0, 1) + "), about a fifth of the load's cost",
                           "if no standby depends on it yet: wal_level=minimal, max_wal_senders=0 "
                           "and a restart; tables that one stream loads then skip WAL"});
    }
    const auto collation = target.query_value(kCollation);
    if (collation != needs.collation) {
        hazards.push_back({Weight::warning,
                           fmt::format("the default collation differs: {} on the source, {} on the "
                                       "target; text will sort differently",
                                       needs.collation, collation),
                           "create the target with LC_COLLATE '" + needs.collation + "'"});
    }
}

}  // namespace

ServerFacts check_target(Connection& target, const std::string& encoding,
                         const std::vector<std::string>& tablespaces, int jobs) {
    check_version(target);
    check_encoding(target, encoding);
    ServerFacts facts;
    facts.integer_datetimes = target.parameter("integer_datetimes") == "on";
    facts.no_tablespaces = !missing_on(target, kMissingTablespaces, tablespaces).empty();
    facts.maintenance_work_mem_kb = maintenance_share_kb(target, jobs);
    return facts;
}

std::int64_t maintenance_share_kb(Connection& target, int streams) {
    const auto row = target.query_row(kTargetFacts);
    // An eighth of what the server believes it may use, shared by the streams; never less than the
    // server's own setting.
    const std::int64_t share =
        std::min<std::int64_t>(row.integer(0, 5) / (8 * streams), std::int64_t{1} << 30);
    return std::max(row.integer(0, 4), share) / 1024;
}

std::vector<Hazard> target_hazards(Connection& target, const SourceNeeds& needs,
                                   const Options& options, bool check_target_empty) {
    std::vector<Hazard> hazards;
    if (check_target_empty) look_for_contents(target, needs, options, hazards);
    look_for_roles(target, needs, options, hazards);
    const auto extensions = missing_on(target, kMissingExtensions, needs.extensions);
    if (!extensions.empty()) {
        hazards.push_back(
            {options.selection.everything() ? Weight::no_go : Weight::warning,
             "extensions are not installed on the target's server: " + listed(extensions),
             "install their packages there"});
    }
    const auto tablespaces = missing_on(target, kMissingTablespaces, needs.tablespaces);
    if (!tablespaces.empty()) {
        hazards.push_back({Weight::warning,
                           "tablespaces are missing on the target: " + listed(tablespaces) +
                               "; everything goes to its default tablespace",
                           "create them there first if you want them"});
    }
    look_at_target(target, needs, options, hazards);
    return hazards;
}

}  // namespace pghaul::cmd
