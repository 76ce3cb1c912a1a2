// A job made by hand, for tests of reports: two streams, a table of three chunks and a small one.
#pragma once

#include <string>

#include "cmd/report_model.hpp"

namespace pghaul::test {

/// So many milliseconds after the job's begin: 2026-11-26 06:00:00 UTC.
inline snapshot::Instant at_ms(std::int64_t ms) {
    return snapshot::Instant(std::chrono::seconds(1'795'672'800) + std::chrono::milliseconds(ms));
}

inline snapshot::TablePlan planned_table(int number, const std::string& name, int chunks,
                                         std::int64_t bytes) {
    snapshot::TablePlan table;
    table.number = number;
    table.info.schema = "public";
    table.info.name = name;
    table.info.heap_bytes = bytes;
    table.info.indexes.resize(2);
    table.method = chunks == 1 ? snapshot::Method::whole : snapshot::Method::key_ranges;
    table.freeze = chunks == 1;
    for (int i = 0; i < chunks; ++i) table.chunks.push_back({i, {}, bytes / chunks});
    return table;
}

/// Nothing is loaded yet.
inline cmd::ReportFacts planned_facts() {
    cmd::ReportFacts facts;
    facts.record.job = "shop";
    facts.record.version = "0.1.0";
    facts.record.source = "old:5432/shop";
    facts.record.phase = snapshot::Phase::copying;
    facts.record.run = 1;
    facts.record.runner = "4711 on mover";
    facts.record.capture = true;
    facts.target = "new:5432/shop as me";
    facts.target_version = "16.2";
    facts.program_version = "0.1.0";
    facts.running = true;
    facts.history.begun = at_ms(0);
    facts.history.now = at_ms(20'000);
    facts.history.source_version = "12.9";
    facts.plan.tables = {planned_table(0, "big", 3, 3000), planned_table(1, "small", 1, 100)};
    for (const auto& table : facts.plan.tables) {
        for (const auto& chunk : table.chunks) {
            snapshot::ChunkTimes times;
            times.table = table.number;
            times.number = chunk.number;
            times.bytes = chunk.bytes;
            facts.history.chunks.push_back(times);
        }
        facts.history.tables.push_back({table.number, {}, snapshot::Proof::none, {}});
    }
    facts.history.snapshots = {{1, "1:2:", at_ms(1000)}};
    return facts;
}

/// place: in the order of tables and chunks.
inline void load(cmd::ReportFacts& facts, std::size_t place, int backend, std::int64_t begun_ms,
                 std::int64_t loaded_ms, std::int64_t rows) {
    auto& chunk = facts.history.chunks.at(place);
    chunk.begun = at_ms(begun_ms);
    chunk.loaded = at_ms(loaded_ms);
    chunk.backend = backend;
    chunk.snapshot = 1;
    chunk.rows = rows;
    chunk.sent_bytes = rows * 10;
}

/// Copied and proved, not followed: ready for cutover.
inline cmd::ReportFacts done_facts() {
    auto facts = planned_facts();
    load(facts, 0, 100, 2000, 4000, 100);
    load(facts, 1, 200, 2000, 5000, 100);
    load(facts, 2, 100, 4000, 6000, 100);
    load(facts, 3, 200, 5000, 5500, 7);
    for (auto& table : facts.history.tables) {
        table.finished = at_ms(7000);
        table.proof = snapshot::Proof::read_back;
        table.proven = at_ms(6500);
    }
    facts.history.steps = {{"schema", 0.5, at_ms(1800)}, {"copy", 4, at_ms(6000)}};
    facts.record.phase = snapshot::Phase::done;
    facts.record.delta_rows = 1234;
    facts.history.windows = 3;
    facts.history.done = at_ms(9000);
    facts.history.last_window = at_ms(17'500);
    return facts;
}

}  // namespace pghaul::test
