#include "cmd/hazards.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "cmd/hazards_sql.hpp"
#include "cmd/hazards_text.hpp"
#include "delta/capture.hpp"
#include "io/error.hpp"
#include "snapshot/history.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using Weight = Hazard::Weight;

// Older servers lack what the catalog statements read (identity, partitions, parameters).
constexpr int kOldestMajor = 10;
// A keyless table larger than this on one stream is worth a word.
constexpr std::int64_t kLargeTable = std::int64_t{1} << 30;

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

}  // namespace

void check_version(const Connection& connection) {
    if (connection.server_major() >= kOldestMajor) return;
    throw Error(fmt::format("{} runs PostgreSQL {}, which is too old", connection.server_name(),
                            connection.parameter("server_version")))
        .exit_code(ExitCode::no_go)
        .hint("pghaul needs version 10 or later on both sides");
}

ServerFacts check_servers(Connection& source, Connection& target, const Options& options,
                          const io::Interrupt& interrupt) {
    check_version(source);
    check_version(target);
    check_not_same(source, target);
    check_compression(target, options);
    auto facts = check_target(target, source.server_encoding(),
                              first_column(source.query(kTablespacesUsed)), options.jobs);
    facts.source_identity = source.query_value(kDatabaseIdentity);
    facts.source_major = source.server_major();
    facts.tools = loader::find_dump_tools(source.server_major(), target.server_major(), interrupt);
    facts.integer_datetimes =
        facts.integer_datetimes && source.parameter("integer_datetimes") == "on";
    return facts;
}

void check_compression(Connection& target, const Options& options) {
    const auto& method = options.toast_compression;
    if (method.empty() || target.query_row(kKnowsCompression, {method}).boolean(0, 0)) return;
    throw Error(fmt::format("{} can't compress values with {}", target.server_name(), method))
        .exit_code(io::ExitCode::no_go)
        .hint("that needs PostgreSQL 14 or later, built with lz4; leave --toast-compression out");
}

void check_same_source(Connection& source, const snapshot::JobRecord& record) {
    if (source.query_value(kDatabaseIdentity) == record.source_identity) return;
    throw Error(fmt::format("job {} copies from {}, which is not the given source", record.job,
                            record.source))
        .exit_code(io::ExitCode::no_go)
        .hint("give that source, or name another job with --job");
}

ServerFacts check_source(Connection& source, const io::Interrupt& interrupt) {
    check_version(source);
    ServerFacts facts;
    facts.source_identity = source.query_value(kDatabaseIdentity);
    facts.source_major = source.server_major();
    // Nobody knows the target yet, so the oldest form of the schema's SQL is the safest.
    facts.tools = loader::find_dump_tools(source.server_major(), source.server_major(), interrupt);
    facts.integer_datetimes = source.parameter("integer_datetimes") == "on";
    return facts;
}

snapshot::SourceNeeds needs_of(Connection& source, const Options& options) {
    snapshot::SourceNeeds needs;
    needs.roles = first_column(source.query(kRolesUsed));
    needs.owners = first_column(source.query(kOwners));
    needs.extensions = first_column(source.query(kExtensionsUsed));
    needs.tablespaces = first_column(source.query(kTablespacesUsed));
    needs.collation = source.query_value(kCollation);
    if (options.selection.everything()) return needs;
    const auto chosen = snapshot::select_relations(source, options.selection);
    const auto rows = source.query(kNamesOf, {snapshot::oid_array(chosen)});
    for (int row = 0; row < rows.rows(); ++row) {
        needs.relations.push_back({rows.string(row, 0), rows.string(row, 1)});
    }
    return needs;
}

snapshot::Catalog catalog_to_judge(Connection& source, const Options& options,
                                   const std::vector<snapshot::Oid>& chosen) {
    return snapshot::read_catalog(
        source, chosen,
        options.no_capture ? snapshot::CatalogPart::rights : snapshot::CatalogPart::keys);
}

std::vector<Hazard> find_hazards(Connection& source, Connection& target, const Options& options,
                                 const snapshot::Catalog& catalog,
                                 const snapshot::SourceNeeds& needs, bool check_target_empty) {
    auto hazards = source_hazards(source, options, catalog);
    for (auto& hazard : target_hazards(target, needs, options, check_target_empty)) {
        hazards.push_back(std::move(hazard));
    }
    return hazards;
}

std::vector<Hazard> source_hazards(Connection& source, const Options& options,
                                   const snapshot::Catalog& catalog) {
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
    if (!options.no_capture) {
        for (auto& hazard : capture_hazards(source, catalog)) hazards.push_back(std::move(hazard));
    }
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

void note_hazards(snapshot::Journal& journal, const std::string& topic,
                  const std::vector<Hazard>& hazards) {
    std::vector<snapshot::NotedHazard> notes;
    for (const auto& hazard : hazards) {
        notes.push_back({name_of(hazard.weight), hazard.message, hazard.fix});
    }
    snapshot::note_hazards(journal.connection(), journal.job(), topic, notes);
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
