#include "cmd/report_json.hpp"

#include <nlohmann/json.hpp>

#include "cmd/report_time.hpp"
#include "snapshot/phase.hpp"

namespace pghaul::cmd {
namespace {

using nlohmann::json;

json time_or_null(const std::optional<Instant>& when) {
    return when ? json(iso_text(*when)) : json(nullptr);
}

json tables_of(const Report& report) {
    json tables = json::array();
    for (const auto& table : report.tables) {
        const auto rate = table.rows_per_second();
        tables.push_back({{"table", table.name},
                          {"rows", table.rows},
                          {"bytes", table.bytes},
                          {"index_bytes", table.index_bytes},
                          {"sent_bytes", table.sent_bytes},
                          {"method", table.method},
                          {"format", table.format},
                          {"freeze", table.freeze},
                          {"chunks", table.chunks},
                          {"chunks_loaded", table.loaded},
                          {"begun_at", time_or_null(table.begun)},
                          {"ended_at", time_or_null(table.ended)},
                          {"seconds", table.seconds},
                          {"rows_per_second", rate ? json(*rate) : json(nullptr)},
                          {"indexes", table.indexes},
                          {"finished_at", time_or_null(table.finished)},
                          {"proof", snapshot::name_of(table.proof)},
                          {"proof_at", time_or_null(table.proven)},
                          {"problems", table.problems}});
    }
    return tables;
}

/// null for large objects, and for a table that was added since the tables were read.
json name_of_table(const Report& report, int number) {
    const auto place = static_cast<std::size_t>(number);
    if (number < 0 || place >= report.tables.size()) return nullptr;
    return report.tables[place].name;
}

json chunks_of(const Report& report) {
    json chunks = json::array();
    for (const auto& chunk : report.chunks) {
        chunks.push_back({{"table", name_of_table(report, chunk.table)},
                          {"chunk", chunk.number},
                          {"stream", chunk.lane},
                          {"begun_at", iso_text(chunk.begun)},
                          {"ended_at", iso_text(chunk.ended)},
                          {"rows", chunk.rows},
                          {"sent_bytes", chunk.sent_bytes}});
    }
    return chunks;
}

json notes_of(const Report& report) {
    json all;
    all["steps"] = json::array();
    for (const auto& step : report.steps) {
        all["steps"].push_back({{"step", step.name},
                                {"begun_at", iso_text(step.begun)},
                                {"ended_at", iso_text(step.ended)},
                                {"seconds", step.seconds},
                                {"under_way", step.under_way}});
    }
    all["snapshots"] = json::array();
    for (const auto& one : report.snapshots) {
        all["snapshots"].push_back(
            {{"number", one.number}, {"taken_at", iso_text(one.taken)}, {"chunks", one.chunks}});
    }
    all["problems"] = json::array();
    for (const auto& problem : report.problems) {
        all["problems"].push_back({{"subject", problem.subject},
                                   {"message", problem.message},
                                   {"hint", problem.hint},
                                   {"noted_at", iso_text(problem.noted)}});
    }
    all["hazards"] = json::array();
    for (const auto& hazard : report.facts.history.hazards) {
        all["hazards"].push_back(
            {{"weight", hazard.weight}, {"message", hazard.message}, {"fix", hazard.fix}});
    }
    return all;
}

json source_of(const Report& report) {
    const auto& source = report.facts.source;
    json all = {{"server", report.facts.record.source},
                {"version", source.asked() ? source.version : report.facts.history.source_version},
                {"asked", source.asked()},
                {"error", source.error}};
    if (source.asked()) {
        all["capture_schema"] = source.capture_schema;
        all["fenced"] = source.fenced;
    }
    return all;
}

}  // namespace

json json_of(const Report& report) {
    const auto& facts = report.facts;
    const auto& history = facts.history;
    json all = notes_of(report);
    all.update(
        {{"job", facts.record.job},
         {"verdict", report.verdict},
         {"mood", name_of(report.mood)},
         {"source", source_of(report)},
         {"target", {{"server", facts.target}, {"version", facts.target_version}}},
         {"phase", snapshot::name_of(facts.record.phase)},
         {"running", facts.running},
         {"runner", facts.record.runner},
         {"runs", facts.record.run},
         {"run_version", facts.record.version},
         {"report_version", facts.program_version},
         {"reported_at", iso_text(history.now)},
         {"begun_at", iso_text(history.begun)},
         {"done_at", time_or_null(history.done)},
         {"tables_loaded", report.tables_loaded},
         {"tables_finished", report.tables_finished},
         {"chunks_in_all", report.all_chunks},
         {"chunks_loaded", report.chunks_loaded},
         {"bytes", report.bytes},
         {"bytes_loaded", report.bytes_loaded},
         {"rows", report.rows},
         {"sent_bytes", report.sent_bytes},
         {"copy_seconds", report.copy_seconds},
         {"large_objects", report.objects},
         {"large_objects_loaded", report.objects_loaded},
         {"foreign_keys", facts.plan.foreign_keys.size()},
         {"sequences", facts.plan.sequences.size()},
         {"materialized_views", facts.plan.materialized_views.size()},
         {"proofs",
          {{"equal", report.proofs.equal},
           {"differing", report.proofs.differing},
           {"unwanted", report.proofs.unwanted},
           {"open", report.proofs.open}}},
         {"capture", facts.record.capture},
         {"changes", facts.record.delta_rows},
         {"windows", history.windows},
         {"last_window_at", time_or_null(history.last_window)},
         {"behind_seconds", report.behind_seconds ? json(*report.behind_seconds) : json(nullptr)},
         {"cut_over", facts.record.cut_over},
         {"cutover_at", time_or_null(history.cut_over)},
         {"cutover_pause_ms", facts.record.cutover_pause_ms},
         {"tables", tables_of(report)},
         {"chunks", chunks_of(report)}});
    return all;
}

}  // namespace pghaul::cmd
