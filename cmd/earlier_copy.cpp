#include "cmd/earlier_copy.hpp"

#include <fmt/format.h>

#include <map>

#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;
using io::ExitCode;

constexpr std::size_t kTablesPerDrop = 100;

[[noreturn]] void refuse_changed_source(const std::string& table) {
    throw Error("the source has changed: " + table +
                " was made, dropped, renamed or rewritten since the copy began")
        .exit_code(ExitCode::no_go)
        .hint("start again with --restart-copy");
}

[[noreturn]] void refuse_changed_shape(const std::string& table, const std::string& changes) {
    throw Error(
        fmt::format("{} was altered on the source since the copy began: {}", table, changes))
        .exit_code(ExitCode::no_go)
        .hint("undo that change on the source, or start again with --restart-copy");
}

/// What depends on the tables goes with them.
void drop_tables(io::Connection& target, const std::vector<snapshot::TablePlan>& tables) {
    std::string names;
    std::size_t count = 0;
    const auto flush = [&] {
        if (!names.empty()) {
            target.execute({"drop_tables", "drop table if exists " + names + " cascade"});
        }
        names.clear();
    };
    for (const auto& table : tables) {
        if (table.info.kind == snapshot::TableKind::extension_config) continue;
        names += (names.empty() ? "" : ", ") + table.info.qualified();
        if (++count % kTablesPerDrop == 0) flush();
    }
    flush();
}

void drop_large_objects(snapshot::Journal& journal, const snapshot::Plan& plan) {
    const auto loaded = journal.loaded().large_objects;
    for (const auto& objects : plan.large_objects) {
        if (!loaded.contains(objects.number)) continue;  // then those there are not ours
        journal.connection().query({"drop_large_objects", R"sql(
                select pg_catalog.lo_unlink(m.oid)
                  from pg_catalog.pg_largeobject_metadata as m
                 where m.oid between $1::pg_catalog.oid and $2::pg_catalog.oid
            )sql"},
                                   {std::to_string(objects.first), std::to_string(objects.last)});
    }
}

}  // namespace

void adopt_catalog(snapshot::Plan& plan, const snapshot::Catalog& catalog) {
    std::map<snapshot::Oid, const snapshot::TableInfo*> now;
    for (const auto& table : catalog.tables) now[table.oid] = &table;
    for (auto& table : plan.tables) {
        const auto found = now.find(table.info.oid);
        if (found == now.end() || found->second->qualified() != table.info.qualified()) {
            refuse_changed_source(table.info.display());
        }
        if (plan.capture) {
            const auto changes = snapshot::shape_changes(table.info.shape, found->second->shape);
            if (!changes.empty()) refuse_changed_shape(table.info.display(), changes);
        }
        // A rewritten heap has its rows at other addresses.
        if (table.method == snapshot::Method::ctid_ranges &&
            table.info.filenode != found->second->filenode) {
            refuse_changed_source(table.info.display());
        }
        table.info.filenode = found->second->filenode;
        now.erase(found);
    }
    if (!now.empty() && !plan.capture) refuse_changed_source(now.begin()->second->display());
}

void refuse_to_mix_moments(snapshot::Journal& journal, const std::string& why) {
    const auto totals = journal.totals();
    std::string begun;
    for (const auto& [table, chunks] : journal.partly_loaded()) {
        begun += fmt::format("{}{} ({})", begun.empty() ? "; in part: " : ", ", table, chunks);
    }
    throw Error(
        fmt::format("{}{} of {} tables were loaded as of a snapshot of {} that is gone{}; the "
                    "others could only be copied as of a later moment",
                    why.empty() ? "" : why + "; ", totals.tables_loaded, totals.tables,
                    totals.first_snapshot_at, begun))
        .exit_code(ExitCode::no_go)
        .hint(
            "--restart-copy throws away what is loaded and starts again with one snapshot; "
            "--source-is-quiet goes on, if you vouch that nothing changed on the source "
            "since then");
}

void drop_earlier_copy(RunContext& run) {
    const auto steps = run.journal.steps();
    const auto made = steps.find("schema");
    if (made == steps.end()) return;
    const auto old = run.journal.read_plan();
    drop_tables(run.journal.connection(), old.tables);
    drop_large_objects(run.journal, old);
    loader::drop_pre_data(run.facts.tools, run.journal.read_archive(), run.target,
                          run.schema_options(), {made->second.entries_done, made->second.finished},
                          run.interrupt);
}

}  // namespace pghaul::cmd
