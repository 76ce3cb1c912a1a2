#include "cmd/live.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "cmd/target_schema.hpp"
#include "delta/capture.hpp"
#include "delta/target_guards.hpp"
#include "io/error.hpp"
#include "io/failpoint.hpp"
#include "loader/finish_table.hpp"
#include "loader/parallel.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using snapshot::Phase;

std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 10;
    std::string text;
    for (std::size_t i = 0; i < names.size() && i < kShown; ++i) {
        text += (i == 0 ? "" : ", ") + names[i];
    }
    return names.size() > kShown ? text + " and more" : text;
}

void check_capture(RunContext& run, Connection& source) {
    run.site = delta::find_site(source, run.options.job);
    if (run.site) delta::claim_site(source, *run.site, run.job_id, run.target.display());
    std::vector<snapshot::TableInfo> tables;
    for (const auto& table : run.journal.read_plan_if_any().tables) tables.push_back(table.info);
    const auto missing = run.site ? delta::uncaptured(source, *run.site, tables)
                                  : std::vector<std::string>{"every table"};
    if (missing.empty()) return;
    throw Error("changes are not captured any more on " + listed(missing) +
                ": its triggers were dropped or switched off, so some may be missing")
        .exit_code(ExitCode::no_go)
        .hint("begin anew: pghaul drop, empty the target, pghaul run");
}

}  // namespace

delta::CaptureSite install_capture(Connection& source, const CaptureOwner& owner) {
    const auto& options = owner.options;
    auto& stream = owner.progress.add_stream();
    // A table that is made while others are being captured is found by the next look.
    for (;;) {
        const auto chosen = snapshot::select_relations(source, options.selection);
        const auto tables = snapshot::read_catalog(source, chosen).tables;
        if (const auto prepared = delta::prepared_blockers(source, tables); !prepared.empty()) {
            throw Error("prepared transactions hold locks on tables to capture: " + prepared)
                .exit_code(ExitCode::stopped)
                .hint("end them with COMMIT PREPARED or ROLLBACK PREPARED, then run again");
        }
        const auto site = delta::make_site(source, options.job, owner.job_id, owner.target, tables);
        if (delta::uncaptured(source, site, tables).empty()) {
            stream.end();
            return site;
        }
        for (const auto& table : tables) {
            stream.begin("capture " + table.display());
            delta::install(source, site, table, owner.interrupt, [&](const std::string& why) {
                stream.begin("waiting to capture: " + why);
                spdlog::info("{}", why);
            });
        }
    }
}

void install_capture(RunContext& run) {
    auto source = run.open_source("capture");
    run.site = install_capture(
        source, {run.options, run.job_id, run.target.display(), run.progress, run.interrupt});
}

void flush_source(snapshot::Keeper& keeper, Connection source) {
    const auto position = keeper.connection().query_value(
        {"wal_position", "select pg_catalog.pg_current_wal_insert_lsn()::pg_catalog.text"});
    delta::flush(source, position);
}

void capture_source(RunContext& run, Steps& steps) {
    if (run.phase >= Phase::schema) {
        auto source = run.open_source("capture");
        check_capture(run, source);
        return;
    }
    steps.begin("capture");
    install_capture(run);
    io::failpoint(io::Failpoint::captured_before_phase);
    if (run.phase < Phase::captured) run.advance(Phase::captured);
    steps.end();
}

bool capture_is_complete(RunContext& run, const std::vector<snapshot::TableInfo>& tables) {
    auto source = run.open_source("capture");
    return delta::uncaptured(source, *run.site, tables).empty();
}

std::function<bool(snapshot::Oid)> truncated_since(RunContext& run, const std::string& visible) {
    if (!run.capture) return {};
    return [&run, visible](snapshot::Oid table) {
        auto source = run.open_source("truncations");
        return delta::truncated_since(source, *run.site, table, visible);
    };
}

std::unique_ptr<delta::CatchUp> begin_catch_up(RunContext& run, const io::Interrupt& interrupt) {
    auto target = run.open_target("guards");
    const auto mode = delta::detect_apply_mode(target);
    run.apply_mode = mode;
    delta::suspend_user_triggers(target, run.plan);
    if (mode == delta::ApplyMode::guarded) delta::drop_foreign_keys(target, run.plan);
    return std::make_unique<delta::CatchUp>(
        delta::CatchUpSetup{run.source, run.target, run.plan, *run.site, run.ticket(),
                            run.options.jobs, mode == delta::ApplyMode::replica, run.progress,
                            interrupt, run.options.verify != VerifyMode::none},
        run.journal);
}

void catch_up_once(RunContext& run, Steps& steps) {
    // Also in a run that goes on behind this step: what comes next asks for it.
    auto catch_up = begin_catch_up(run, run.interrupt);
    steps.once("apply keys", [&] {
        std::vector<std::pair<const snapshot::TableInfo*, const snapshot::IndexInfo*>> keys;
        for (const auto& table : run.plan.tables) {
            for (const auto& index : table.info.indexes) {
                if (index.oid == table.info.apply_index) keys.emplace_back(&table.info, &index);
            }
        }
        loader::for_each_parallel(
            keys.size(), run.options.jobs, "index",
            [&](const std::string& role) { return run.open_target(role); }, run.progress,
            [&](std::size_t i) { return "index " + keys[i].second->name; },
            [&](Connection& target, std::size_t i) {
                loader::build_index(target, run.options.job, *keys[i].first, *keys[i].second, {});
            });
    });
    steps.once("first catch-up", [&] { catch_up->apply_window(); });
}

void bring_current(RunContext& run, Steps& steps) {
    steps.begin("catch-up");
    auto catch_up = begin_catch_up(run, run.interrupt);
    if (!catch_up->until_current([&] { return run.time_is_up(); })) stop_early(run);
    set_sequences(run);
    steps.end();
}

}  // namespace pghaul::cmd
