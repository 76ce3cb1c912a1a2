#include "cmd/hazards.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "cmd/hazards_sql.hpp"
#include "delta/capture.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using Weight = Hazard::Weight;

// Older servers lack what the catalog statements read (identity, partitions, parameters).
constexpr int kOldestMajor = 10;
constexpr int kShown = 10;
// A keyless table larger than this on one stream is worth a word.
constexpr std::int64_t kLargeTable = std::int64_t{1} << 30;

std::vector<std::string> first_column(const io::Result& rows) {
    std::vector<std::string> values;
    for (int row = 0; row < rows.rows(); ++row) values.push_back(rows.string(row, 0));
    return values;
}

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < kShown; ++i) {
        text += (i == 0 ? "" : ", ") + names[i];
    }
    return names.size() > kShown ? text + " and more" : text;
}

std::vector<std::string> missing_on(Connection& target, const io::Query& query,
                                    const std::vector<std::string>& names) {
    if (names.empty()) return {};
    return first_column(target.query(query, {io::array_literal(names)}));
}

void check_version(const Connection& connection) {
    if (connection.server_major() >= kOldestMajor) return;
    throw Error(fmt::format("{} runs PostgreSQL {}, which is too old", connection.server_name(),
                            connection.parameter("server_version")))
        .exit_code(ExitCode::no_go)
        .hint("pghaul needs version 10 or later on both sides");
}

void check_not_same(Connection& source, Connection& target) {
    std::random_device random;
    const std::string key =
        std::to_string((static_cast<std::int64_t>(random() & 0x7fffffffU) << 32) | random());
    source.query(kTakeMarker, {key});
    if (target.query_row(kTakeMarker, {key}).boolean(0, 0)) {
        target.execute({"drop_marker", "select pg_catalog.pg_advisory_unlock(" + key + ")"});
        source.execute({"drop_marker", "select pg_catalog.pg_advisory_unlock(" + key + ")"});
        return;
    }
    throw Error("source and target are the same database: " + source.server_name())
        .exit_code(ExitCode::no_go)
        .hint("give another database as --target");
}

void check_encodings(Connection& source, Connection& target) {
    const auto encoding = source.server_encoding();
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

void look_for_roles(Connection& source, Connection& target, const Options& options,
                    std::vector<Hazard>& hazards) {
    if (options.no_owner && options.no_privileges) return;
    const auto missing = missing_on(target, kMissingRoles, first_column(source.query(kRolesUsed)));
    if (missing.empty()) return;
    // With a choice of tables some of these roles may not be needed; pg_restore will tell.
    hazards.push_back(
        {options.selection.everything() ? Weight::no_go : Weight::warning,
         "roles that own objects or hold rights are missing on the target: " + listed(missing),
         "create them there (pg_dumpall --roles-only), or use --no-owner "
         "--no-privileges"});
}

void look_for_contents(Connection& source, Connection& target, const Options& options,
                       const std::vector<snapshot::Oid>& chosen, std::vector<Hazard>& hazards) {
    std::vector<std::string> standing;
    if (options.selection.everything()) {
        standing = first_column(target.query(kUserObjects));
    } else {
        const auto rows = source.query(kNamesOf, {snapshot::oid_array(chosen)});
        std::vector<std::string> schemas;
        std::vector<std::string> names;
        for (int row = 0; row < rows.rows(); ++row) {
            schemas.push_back(rows.string(row, 0));
            names.push_back(rows.string(row, 1));
        }
        standing = first_column(
            target.query(kExisting, {io::array_literal(schemas), io::array_literal(names)}));
    }
    if (standing.empty()) return;
    hazards.push_back({Weight::no_go, "the target is not empty: " + listed(standing),
                       "give an empty database (createdb -T template0), or drop these objects; "
                       "nothing was touched"});
}

void look_at_target(Connection& source, Connection& target, const Options& options,
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
    const auto collations =
        std::pair(source.query_value(kCollation), target.query_value(kCollation));
    if (collations.first != collations.second) {
        hazards.push_back({Weight::warning,
                           fmt::format("the default collation differs: {} on the source, {} on the "
                                       "target; text will sort differently",
                                       collations.first, collations.second),
                           "create the target with LC_COLLATE '" + collations.first + "'"});
    }
}

}  // namespace

ServerFacts check_servers(Connection& source, Connection& target, const Options& options,
                          const io::Interrupt& interrupt) {
    check_version(source);
    check_version(target);
    check_not_same(source, target);
    check_encodings(source, target);
    ServerFacts facts;
    facts.source_identity = source.query_value(kDatabaseIdentity);
    facts.tools = loader::find_dump_tools(source.server_major(), target.server_major(), interrupt);
    facts.integer_datetimes = source.parameter("integer_datetimes") == "on" &&
                              target.parameter("integer_datetimes") == "on";
    facts.no_tablespaces =
        !missing_on(target, kMissingTablespaces, first_column(source.query(kTablespacesUsed)))
             .empty();
    facts.maintenance_work_mem_kb = maintenance_share_kb(target, options.jobs);
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

void check_same_source(Connection& source, const snapshot::JobRecord& record) {
    if (source.query_value(kDatabaseIdentity) == record.source_identity) return;
    throw Error(fmt::format("job {} copies from {}, which is not the given source", record.job,
                            record.source))
        .exit_code(io::ExitCode::no_go)
        .hint("give that source, or name another job with --job");
}

std::vector<Hazard> find_hazards(Connection& source, Connection& target, const Options& options,
                                 const std::vector<snapshot::Oid>& chosen,
                                 const snapshot::Catalog& catalog, bool check_target_empty) {
    std::vector<Hazard> hazards;
    auto unreadable = catalog.unreadable;
    if (options.selection.schemas.empty() && options.selection.tables.empty()) {
        for (auto& name : first_column(source.query(kUnreadableObjects)))
            unreadable.push_back(name);
    }
    if (!unreadable.empty()) {
        hazards.push_back({Weight::no_go, "no right to read " + listed(unreadable),
                           "grant select on them to pghaul's role on the source, connect as their "
                           "owner, or leave them out with -T"});
    }
    if (!catalog.filtered.empty()) {
        hazards.push_back({Weight::no_go,
                           "row level security would hide rows of " + listed(catalog.filtered),
                           "connect as the tables' owner (without FORCE ROW LEVEL SECURITY), as a "
                           "role with BYPASSRLS, or leave them out with -T"});
    }
    if (check_target_empty) look_for_contents(source, target, options, chosen, hazards);
    look_for_roles(source, target, options, hazards);
    const auto extensions =
        missing_on(target, kMissingExtensions, first_column(source.query(kExtensionsUsed)));
    if (!extensions.empty()) {
        hazards.push_back(
            {options.selection.everything() ? Weight::no_go : Weight::warning,
             "extensions are not installed on the target's server: " + listed(extensions),
             "install their packages there"});
    }
    const auto tablespaces =
        missing_on(target, kMissingTablespaces, first_column(source.query(kTablespacesUsed)));
    if (!tablespaces.empty()) {
        hazards.push_back({Weight::warning,
                           "tablespaces are missing on the target: " + listed(tablespaces) +
                               "; everything goes to its default tablespace",
                           "create them there first if you want them"});
    }
    if (!options.no_capture) {
        for (auto& hazard : capture_hazards(source, catalog)) hazards.push_back(std::move(hazard));
    }
    look_at_target(source, target, options, hazards);
    if (!catalog.foreign_tables.empty()) {
        hazards.push_back(
            {Weight::note,
             "foreign tables move as definitions only: " + listed(catalog.foreign_tables),
             "check that the target reaches their servers"});
    }
    return hazards;
}

std::vector<Hazard> capture_hazards(Connection& source, const snapshot::Catalog& catalog) {
    std::vector<Hazard> hazards;
    std::vector<snapshot::Oid> oids;
    std::vector<std::string> keyless;
    std::vector<std::string> of_extensions;
    for (const auto& table : catalog.tables) {
        if (!delta::is_captured(table)) {
            of_extensions.push_back(table.display());
            continue;
        }
        oids.push_back(table.oid);
        if (table.apply_key.empty()) keyless.push_back(table.display());
    }
    const auto foreign = first_column(source.query(kTablesOfOthers, {snapshot::oid_array(oids)}));
    if (!foreign.empty()) {
        hazards.push_back(
            {Weight::no_go,
             "capture needs the owner of the tables, and these are not ours: " + listed(foreign),
             "connect to the source as their owner or as a member of the owner's "
             "role, or stop all writes and use --no-capture"});
    }
    if (const auto prepared = delta::prepared_blockers(source, catalog.tables); !prepared.empty()) {
        hazards.push_back({Weight::warning, "prepared transactions hold tables: " + prepared,
                           "end them with COMMIT PREPARED or ROLLBACK PREPARED; capture can't be "
                           "installed before"});
    }
    if (!keyless.empty()) {
        hazards.push_back(
            {Weight::note,
             "tables without a key are scanned whole for every batch of their changes: " +
                 listed(keyless),
             "add a primary key or a unique index on not-null columns to those that change often"});
    }
    if (!of_extensions.empty()) {
        hazards.push_back(
            {Weight::note,
             "changes of extensions' own tables are not captured: " + listed(of_extensions),
             "leave their rows alone until cutover"});
    }
    return hazards;
}

std::vector<Hazard> plan_hazards(const snapshot::Plan& plan, int source_major) {
    std::vector<Hazard> hazards;
    if (!plan.lock_all_tables && !plan.capture) {
        hazards.push_back(
            {Weight::warning,
             fmt::format("{} tables do not fit the source's lock table: each is locked only while "
                         "it is read; one that is truncated or rewritten before then stops the run",
                         plan.tables.size()),
             fmt::format("raise max_locks_per_transaction on the source (a restart), or make no "
                         "schema changes during the copy")});
    }
    for (const auto& table : plan.tables) {
        if (table.info.key.empty() && table.method == snapshot::Method::whole &&
            table.info.bytes() > kLargeTable) {
            hazards.push_back(
                {Weight::warning,
                 fmt::format("{} has no usable key: one stream reads all of it{}",
                             table.info.display(),
                             source_major < 14 ? " (ctid ranges need version 14)" : ""),
                 "add a primary key or a unique index on not-null columns"});
        }
    }
    return hazards;
}

void refuse_if_no_go(const std::vector<Hazard>& hazards) {
    std::string messages;
    std::string fixes;
    for (const auto& hazard : hazards) {
        if (hazard.weight != Weight::no_go) continue;
        messages += (messages.empty() ? "" : "; ") + hazard.message;
        fixes += (fixes.empty() ? "" : "; ") + hazard.fix;
    }
    if (!messages.empty()) throw Error(messages).hint(fixes).exit_code(ExitCode::no_go);
}

const char* name_of(Weight weight) {
    switch (weight) {
        case Weight::note:
            return "note";
        case Weight::warning:
            return "warning";
        case Weight::no_go:
            return "no-go";
    }
    return "";
}

}  // namespace pghaul::cmd
