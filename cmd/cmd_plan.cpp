#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cmd/commands.hpp"
#include "cmd/format.hpp"
#include "cmd/hazards.hpp"
#include "cmd/session.hpp"
#include "io/transaction.hpp"
#include "loader/large_objects.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/planner.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using snapshot::Plan;
using snapshot::TablePlan;

// What one stream loads per second on a small virtual machine, rows and indexes together; only for
// the estimate. Source: bench/compare on two cores, PostgreSQL 15.
constexpr double kBytesPerSecondPerStream = 25e6;

double estimate_seconds(const Plan& plan, int jobs) {
    std::int64_t bytes = 0;
    for (const auto& table : plan.tables) bytes += table.info.bytes() + table.info.index_bytes;
    return static_cast<double>(bytes) / (kBytesPerSecondPerStream * jobs);
}

nlohmann::json to_value(const std::optional<snapshot::Key>& key) {
    return key ? nlohmann::json(*key) : nlohmann::json(nullptr);
}

void print_json(const Plan& plan, const std::vector<Hazard>& hazards, int jobs) {
    nlohmann::json tables = nlohmann::json::array();
    for (const auto& table : plan.tables) {
        nlohmann::json chunks = nlohmann::json::array();
        for (const auto& chunk : table.chunks) {
            chunks.push_back({{"lo", to_value(chunk.range.lo)},
                              {"hi", to_value(chunk.range.hi)},
                              {"bytes", chunk.bytes}});
        }
        std::vector<std::string> key;
        for (const auto& column : table.chunk_key()) key.push_back(column.name);
        tables.push_back({{"schema", table.info.schema},
                          {"table", table.info.name},
                          {"method", snapshot::name_of(table.method)},
                          {"format", snapshot::name_of(table.format)},
                          {"freeze", table.freeze},
                          {"bytes", table.info.bytes()},
                          {"index_bytes", table.info.index_bytes},
                          {"row_estimate", table.info.row_estimate},
                          {"indexes", table.info.indexes.size()},
                          {"key", key},
                          {"chunks", chunks}});
    }
    nlohmann::json list = nlohmann::json::array();
    for (const auto& hazard : hazards) {
        list.push_back(
            {{"weight", name_of(hazard.weight)}, {"message", hazard.message}, {"fix", hazard.fix}});
    }
    const nlohmann::json all = {{"tables", tables},
                                {"hazards", list},
                                {"bytes", plan.total_bytes()},
                                {"chunks", plan.total_chunks()},
                                {"foreign_keys", plan.foreign_keys.size()},
                                {"sequences", plan.sequences.size()},
                                {"large_object_chunks", plan.large_objects.size()},
                                {"materialized_views", plan.materialized_views},
                                {"estimate_seconds", estimate_seconds(plan, jobs)}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const Plan& plan, const std::vector<Hazard>& hazards, int jobs) {
    std::size_t width = 5;
    for (const auto& table : plan.tables) {
        width = std::max(width, printable(table.info.display()).size());
    }
    fmt::print("{:<{}} {:>10} {:>10} {:>7} {:<12} {:<7} {}\n", "table", width, "bytes", "indexes",
               "chunks", "method", "format", "freeze");
    for (const auto& table : plan.tables) {
        fmt::print("{:<{}} {:>10} {:>10} {:>7} {:<12} {:<7} {}\n", printable(table.info.display()),
                   width, human_bytes(static_cast<double>(table.info.bytes())),
                   human_bytes(static_cast<double>(table.info.index_bytes)), table.chunks.size(),
                   snapshot::name_of(table.method), snapshot::name_of(table.format),
                   table.freeze ? "yes" : "no");
    }
    std::int64_t objects = 0;
    for (const auto& chunk : plan.large_objects) objects += chunk.objects;
    fmt::print(
        "\n{} tables, {} in {} chunks; {} foreign keys, {} sequences, {} large objects, {} "
        "materialized views\nestimate with {} streams: about {} (measured on two cores; your "
        "servers decide)\n",
        plan.tables.size(), human_bytes(static_cast<double>(plan.total_bytes())),
        plan.total_chunks(), plan.foreign_keys.size(), plan.sequences.size(), objects,
        plan.materialized_views.size(), jobs, human_seconds(estimate_seconds(plan, jobs)));
    for (const auto& hazard : hazards) {
        fmt::print("\n{}: {}\n  fix: {}\n", name_of(hazard.weight), printable(hazard.message),
                   hazard.fix);
    }
}

/// Returns whether nothing speaks against a run.
bool make_and_print(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress) {
    auto source = Connection::open(
        io::ConnInfo::parse(options.source),
        {options.job, "plan", "UTF8", std::chrono::seconds(10), {{"jit", "off"}}}, interrupt);
    auto journal =
        snapshot::Journal::open(io::ConnInfo::parse(options.target), options.job, interrupt);
    const auto facts = check_servers(source, journal.connection(), options, interrupt);
    const bool begun = journal.find().has_value();
    progress.begin_step("read the catalogue");

    io::Transaction transaction(source, "isolation level repeatable read read only");
    const auto chosen = snapshot::select_relations(source, options.selection);
    auto catalog = snapshot::read_catalog(source, chosen, snapshot::CatalogPart::plan);
    auto hazards = find_hazards(source, journal.connection(), options, catalog,
                                needs_of(source, options), !begun);
    if (begun) {
        hazards.push_back({Hazard::Weight::note,
                           "job " + options.job +
                               " has begun; this plan is made anew, the job "
                               "keeps its own",
                           "see pghaul status"});
    }
    // Tables that can't be read can't be cut; the no-go says so.
    const bool readable = catalog.unreadable.empty() && catalog.filtered.empty();
    Plan plan;
    if (readable) {
        progress.begin_step("cut tables");
        plan =
            snapshot::make_plan(source, std::move(catalog),
                                {options.jobs, options.chunk_bytes, options.format, options.freeze,
                                 facts.integer_datetimes, options.no_capture, !options.no_capture});
        if (options.selection.schemas.empty() && options.selection.tables.empty()) {
            plan.large_objects = loader::cut_large_objects(source);
        }
    }
    for (auto& hazard : plan_hazards(plan, source.server_major())) hazards.push_back(hazard);
    std::stable_sort(hazards.begin(), hazards.end(),
                     [](const Hazard& a, const Hazard& b) { return a.weight > b.weight; });
    if (options.json) {
        print_json(plan, hazards, options.jobs);
    } else {
        print_text(plan, hazards, options.jobs);
    }
    return std::none_of(hazards.begin(), hazards.end(), [](const Hazard& hazard) {
        return hazard.weight == Hazard::Weight::no_go;
    });
}

}  // namespace

io::ExitCode run_plan(const Options& options, io::Interrupt& interrupt) {
    io::RunProgress progress;
    bool go = false;
    in_session(options, interrupt, progress, options.job, "plan changes nothing: run it again",
               [&] { go = make_and_print(options, interrupt, progress); });
    return go ? io::ExitCode::done : io::ExitCode::no_go;
}

}  // namespace pghaul::cmd
