#include "cmd/target_schema.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "cmd/retry.hpp"
#include "cmd/streams.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "loader/foreign_keys.hpp"
#include "loader/parallel.hpp"
#include "loader/sequences.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Failpoint;
using io::failpoint;

/// A view that can't be filled could not be on the source either: that is a problem of its own.
void refresh(Connection& target, snapshot::Journal& journal, const std::string& view) {
    const std::string subject = "materialized view " + view;
    try {
        target.execute({"refresh_view", "refresh materialized view " + view});
        target.execute({"analyze_view", "analyze " + view});
        journal.forget_problem(subject);
    } catch (const io::Error& error) {
        if (error.poisons_connection() || error.retryable()) throw;
        journal.note_problem(subject, fmt::format("{}; the view is not filled; mend the cause, "
                                                  "then: refresh materialized view {}",
                                                  error.what(), view));
    }
}

void refresh_all(RunContext& run) {
    if (run.plan.materialized_views.empty()) return;
    auto target = run.open_target("refresh");
    for (const auto& view : run.plan.materialized_views) refresh(target, run.journal, view);
}

/// Of the given tables and partitioned tables, quoted, those that have a statistics object, or a
/// leaf with one.
std::set<std::string> with_statistics_objects(Connection& target,
                                              const std::vector<std::string>& names) {
    if (target.server_major() < 10) return {};
    const auto rows = target.query({"statistics_objects", R"sql(
                                       with recursive tree(name, node) as (
                                           select u.name, pg_catalog.to_regclass(u.name)::oid
                                             from unnest($1::pg_catalog.text[]) as u(name)
                                           union all
                                           select tree.name, h.inhrelid
                                             from tree
                                             join pg_catalog.pg_inherits as h
                                               on h.inhparent = tree.node
                                       )
                                       select distinct tree.name
                                         from tree
                                         join pg_catalog.pg_statistic_ext as s
                                           on s.stxrelid = tree.node
                                   )sql"},
                                   {io::array_literal(names)});
    std::set<std::string> found;
    for (int row = 0; row < rows.rows(); ++row) found.insert(rows.string(row, 0));
    return found;
}

/// Partitioned tables that have had no statistics yet. And what has statistics objects: these are
/// made after the rows, so the ANALYZE that came with the rows did not fill them.
std::vector<std::string> tables_to_analyze(RunContext& run) {
    std::vector<std::string> analyzed(run.analyzed.begin(), run.analyzed.end());
    for (const auto& table : run.plan.tables) {
        if (table.info.root_name.empty()) analyzed.push_back(table.info.qualified());
    }
    auto again = with_statistics_objects(run.journal.connection(), analyzed);
    for (const auto& root : run.plan.partition_roots) {
        if (!run.analyzed.contains(root)) again.insert(root);
    }
    return {again.begin(), again.end()};
}

void make_foreign_keys(RunContext& run) {
    loader::make_foreign_keys(
        run.plan.foreign_keys, run.journal,
        [&](const std::string& role) { return run.open_target(role); }, run.options.jobs,
        run.progress);
}

}  // namespace

std::set<snapshot::Oid> made_by_pghaul(const snapshot::Plan& plan) {
    std::set<snapshot::Oid> made;
    for (const auto& table : plan.tables) {
        for (const auto& index : table.info.indexes) {
            made.insert(index.oid);
            if (index.constraint_oid != 0) made.insert(index.constraint_oid);
        }
    }
    for (const auto& key : plan.foreign_keys) made.insert(key.oid);
    return made;
}

void set_sequences(RunContext& run) {
    retry(run, "sequences", [&] {
        failpoint(Failpoint::sequences_before);
        if (run.plan.sequences.empty()) return;
        auto source = run.open_source("sequences");
        auto target = run.open_target("sequences");
        loader::set_sequences(source, target, run.plan.sequences);
        failpoint(Failpoint::sequences_after);
    });
}

void finish_tables_left(RunContext& run, Steps& steps) {
    if (run.journal.finished_tables().size() == run.plan.tables.size()) return;
    steps.begin("indexes");
    loader::WorkQueue queue(run.plan, run.journal.loaded(), run.journal.finished_tables(),
                            {run.options.jobs, true, &run.progress, [] {}});
    run_streams(run, queue, {}, {});
    run.analyzed.merge(queue.analyzed());
    if (!queue.all_done()) stop_early(run);
    steps.end();
}

void make_rest_of_schema(RunContext& run, Steps& steps) {
    // Where the session may not switch foreign keys off, they come at cutover.
    const bool keys_later = run.capture && run.apply_mode == delta::ApplyMode::guarded;
    auto options = run.schema_options();
    if (keys_later) options.absent_foreign_keys = &run.plan.foreign_keys;
    std::optional<loader::RestOfSchema> rest;
    const auto restore = [&](loader::RestPart part, const loader::RestoreOptions& from) {
        if (!rest) {
            rest.emplace(run.facts.tools, run.archive(), options, run.interrupt,
                         made_by_pghaul(run.plan));
            if (run.post_data) rest->know_post_data(*run.post_data);
        }
        rest->restore(part, run.target, from);
    };
    steps.once_from_mark("rest of the indexes", [&](const loader::RestoreOptions& from) {
        failpoint(Failpoint::rest_before);
        restore(loader::RestPart::indexes, from);
    });
    if (!keys_later) steps.once("foreign keys", [&] { make_foreign_keys(run); });
    steps.once_from_mark("rest of the schema", [&](const loader::RestoreOptions& from) {
        restore(loader::RestPart::others, from);
        failpoint(Failpoint::rest_after);
    });
    steps.once("materialized views", [&] {
        refresh_all(run);
        failpoint(Failpoint::views_refreshed);
    });
}

void validate_foreign_keys(RunContext& run, Steps& steps) {
    steps.begin("foreign keys");
    make_foreign_keys(run);
    auto source = run.open_source("foreign keys");
    auto target = run.open_target("foreign keys");
    loader::comment_foreign_keys(source, target, run.plan.foreign_keys);
    steps.end();
}

void refresh_views(RunContext& run, Steps& steps) {
    if (run.plan.materialized_views.empty()) return;
    steps.begin("materialized views");
    refresh_all(run);
    steps.end();
}

void update_statistics(RunContext& run, Steps& steps) {
    steps.once("statistics", [&] {
        const auto roots = tables_to_analyze(run);
        const auto statement = [&](std::size_t i) { return "analyze " + roots[i]; };
        loader::for_each_parallel(
            roots.size(), run.options.jobs, "analyze",
            [&](const std::string& role) { return run.open_target(role); }, run.progress, statement,
            [&](Connection& target, std::size_t i) {
                target.execute({"analyze", statement(i)});
            });
    });
}

}  // namespace pghaul::cmd
