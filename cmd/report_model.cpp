#include "cmd/report_model.hpp"

#include <algorithm>
#include <map>

#include "snapshot/phase.hpp"

namespace pghaul::cmd {
namespace {

using snapshot::History;
using snapshot::Proof;
using Span = std::pair<Instant, Instant>;

// Streams may build indexes for as long between two chunks.
constexpr std::chrono::minutes kPauseOfACopy{10};
// A step's begin is told from its end and its length, by two clocks.
constexpr std::chrono::seconds kClockSlack{1};

double seconds_between(Instant from, Instant to) {
    return std::chrono::duration<double>(to - from).count();
}

/// How long at least one of the spans lasted.
double covered_seconds(std::vector<Span> spans) {
    std::sort(spans.begin(), spans.end());
    double seconds = 0;
    std::optional<Instant> until;
    for (const auto& [begin, end] : spans) {
        const auto from = until ? std::max(begin, *until) : begin;
        if (end > from) seconds += seconds_between(from, end);
        until = until ? std::max(end, *until) : end;
    }
    return seconds;
}

/// Loaded chunks by the session that loaded them. Chunks of one transaction follow each other: each
/// begins where the one before ended.
using Sessions = std::map<int, std::vector<ReportChunk>>;

Sessions loads_by_session(const History& history) {
    Sessions sessions;
    for (const auto& chunk : history.chunks) {
        if (!chunk.begun || !chunk.loaded) continue;
        sessions[chunk.backend].push_back({chunk.table, chunk.number, 0, *chunk.begun,
                                           *chunk.loaded, chunk.rows, chunk.sent_bytes});
    }
    for (const auto& part : history.objects) {
        if (!part.begun || !part.loaded) continue;
        sessions[part.backend].push_back(
            {-1, part.number, 0, *part.begun, *part.loaded, 0, part.sent_bytes});
    }
    for (auto& [backend, chunks] : sessions) {
        std::sort(chunks.begin(), chunks.end(),
                  [](const auto& a, const auto& b) { return a.ended < b.ended; });
        for (std::size_t i = 1; i < chunks.size(); ++i) {
            chunks[i].begun = std::max(chunks[i].begun, chunks[i - 1].ended);
        }
    }
    return sessions;
}

/// A stream that had to connect again, or that of a later run, goes on in a lane that is free.
void fill_lanes(Sessions sessions, Report& report) {
    std::vector<std::vector<ReportChunk>> order;
    for (auto& [backend, chunks] : sessions) order.push_back(std::move(chunks));
    std::sort(order.begin(), order.end(),
              [](const auto& a, const auto& b) { return a.front().begun < b.front().begun; });
    std::vector<Instant> busy_until;
    for (auto& chunks : order) {
        const auto free = std::find_if(busy_until.begin(), busy_until.end(), [&](Instant until) {
            return until <= chunks.front().begun;
        });
        const auto lane = free - busy_until.begin();
        if (free == busy_until.end()) busy_until.emplace_back();
        busy_until[static_cast<std::size_t>(lane)] = chunks.back().ended;
        for (auto& chunk : chunks) {
            chunk.lane = static_cast<int>(lane);
            report.chunks.push_back(chunk);
        }
    }
    report.lanes = static_cast<int>(busy_until.size());
    std::stable_sort(report.chunks.begin(), report.chunks.end(),
                     [](const auto& a, const auto& b) { return a.lane < b.lane; });
}

void describe_tables(Report& report) {
    for (const auto& planned : report.facts.plan.tables) {
        ReportTable table;
        table.name = planned.info.display();
        table.bytes = planned.info.bytes();
        table.index_bytes = planned.info.index_bytes;
        table.method = snapshot::name_of(planned.method);
        table.format = snapshot::name_of(planned.format);
        table.freeze = planned.freeze;
        table.chunks = static_cast<std::int64_t>(planned.chunks.size());
        table.indexes = static_cast<std::int64_t>(planned.info.indexes.size());
        for (const auto& problem : report.facts.history.problems) {
            if (problem.subject.ends_with(" of " + table.name)) ++table.problems;
        }
        report.tables.push_back(std::move(table));
    }
    for (const auto& times : report.facts.history.tables) {
        const auto place = static_cast<std::size_t>(times.number);
        if (place >= report.tables.size()) continue;
        report.tables[place].finished = times.finished;
        report.tables[place].proof = times.proof;
        report.tables[place].proven = times.proven;
    }
}

void count_loaded(Report& report) {
    const auto& history = report.facts.history;
    for (const auto& chunk : history.chunks) {
        ++report.all_chunks;
        report.bytes += chunk.bytes;
        const auto place = static_cast<std::size_t>(chunk.table);
        if (!chunk.loaded || place >= report.tables.size()) continue;
        auto& table = report.tables[place];
        ++table.loaded;
        table.rows += chunk.rows;
        table.sent_bytes += chunk.sent_bytes;
        ++report.chunks_loaded;
        report.bytes_loaded += chunk.bytes;
        report.rows += chunk.rows;
        report.sent_bytes += chunk.sent_bytes;
    }
    for (const auto& part : history.objects) {
        ++report.all_chunks;
        report.objects += part.objects;
        if (!part.loaded) continue;
        ++report.chunks_loaded;
        report.objects_loaded += part.objects;
        report.sent_bytes += part.sent_bytes;
    }
}

void time_tables(Report& report) {
    std::vector<std::vector<Span>> spans(report.tables.size());
    std::vector<Span> all;
    for (const auto& chunk : report.chunks) {
        all.emplace_back(chunk.begun, chunk.ended);
        const auto place = static_cast<std::size_t>(chunk.table);
        if (chunk.table >= 0 && place < spans.size()) spans[place].push_back(all.back());
    }
    report.copy_seconds = covered_seconds(std::move(all));
    for (std::size_t i = 0; i < spans.size(); ++i) {
        auto& table = report.tables[i];
        for (const auto& [begin, end] : spans[i]) {
            table.begun = table.begun ? std::min(*table.begun, begin) : begin;
            table.ended = table.ended ? std::max(*table.ended, end) : end;
        }
        table.seconds = covered_seconds(std::move(spans[i]));
    }
}

void sum_up_tables(Report& report) {
    for (const auto& table : report.tables) {
        if (table.complete()) ++report.tables_loaded;
        if (table.finished) ++report.tables_finished;
        if (is_equal(table.proof)) {
            ++report.proofs.equal;
        } else if (table.proof == Proof::differences) {
            ++report.proofs.differing;
        } else if (table.proof == Proof::unwanted) {
            ++report.proofs.unwanted;
        } else {
            ++report.proofs.open;
        }
    }
}

/// When rows were copied before a moment; pauses in which streams build indexes left in.
std::vector<Span> copied_before(const Report& report, Instant end) {
    std::vector<Span> spans;
    for (const auto& chunk : report.chunks) {
        if (chunk.begun < end - kClockSlack)
            spans.emplace_back(chunk.begun, std::min(chunk.ended, end));
    }
    std::sort(spans.begin(), spans.end());
    std::vector<Span> merged;
    for (const auto& span : spans) {
        if (!merged.empty() && span.first - merged.back().second < kPauseOfACopy) {
            merged.back().second = std::max(merged.back().second, span.second);
        } else {
            merged.push_back(span);
        }
    }
    return merged;
}

/// A step is noted when it ends. What a copy did in runs that were cut short, or has done so far,
/// its chunks tell.
void complete_copy(Report& report) {
    const auto noted = std::find_if(report.steps.begin(), report.steps.end(),
                                    [](const auto& step) { return step.name == "copy"; });
    const bool under_way = noted == report.steps.end();
    auto parts = copied_before(report, under_way ? Instant::max() : noted->begun);
    if (parts.empty()) return;
    double seconds = 0;
    for (const auto& [begin, end] : parts) seconds += seconds_between(begin, end);
    if (!under_way) {
        noted->begun = parts.front().first;
        noted->seconds += seconds;
        noted->parts.insert(noted->parts.begin(), parts.begin(), parts.end());
        return;
    }
    if (report.facts.running && report.facts.record.phase == snapshot::Phase::copying) {
        const auto now = std::max(parts.back().second, report.facts.history.now);
        seconds += seconds_between(parts.back().second, now);
        parts.back().second = now;
    }
    report.steps.push_back(
        {"copy", parts.front().first, parts.back().second, seconds, std::move(parts), true});
}

void list_steps(Report& report) {
    const auto& history = report.facts.history;
    for (const auto& step : history.steps) {
        if (!step.ended) continue;
        const auto length = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::duration<double>(step.seconds));
        const auto begun = std::min(std::max(history.begun, *step.ended - length), *step.ended);
        report.steps.push_back(
            {step.name, begun, *step.ended, step.seconds, {{begun, *step.ended}}, false});
    }
    complete_copy(report);
    std::stable_sort(report.steps.begin(), report.steps.end(),
                     [](const auto& a, const auto& b) { return a.begun < b.begun; });
}

void list_snapshots(Report& report) {
    std::map<int, std::int64_t> loaded;
    for (const auto& chunk : report.facts.history.chunks) {
        if (chunk.loaded) ++loaded[chunk.snapshot];
    }
    for (const auto& part : report.facts.history.objects) {
        if (part.loaded) ++loaded[part.snapshot];
    }
    for (const auto& taken : report.facts.history.snapshots) {
        report.snapshots.push_back({taken.number, taken.taken, loaded[taken.number]});
    }
}

/// Messages end with what mends them: "…; mend the rows, then: …".
ReportProblem problem_of(const snapshot::NotedProblem& noted) {
    ReportProblem problem{noted.subject, noted.message, {}, noted.noted};
    const auto at = noted.message.rfind("; mend ");
    if (at != std::string::npos) {
        problem.message = noted.message.substr(0, at);
        problem.hint = noted.message.substr(at + 2);
    }
    return problem;
}

}  // namespace

Report make_report(ReportFacts facts) {
    Report report;
    report.facts = std::move(facts);
    const auto& history = report.facts.history;
    describe_tables(report);
    fill_lanes(loads_by_session(history), report);
    count_loaded(report);
    time_tables(report);
    sum_up_tables(report);
    list_steps(report);
    list_snapshots(report);
    for (const auto& noted : history.problems) report.problems.push_back(problem_of(noted));
    if (history.last_window && !report.facts.record.cut_over) {
        report.behind_seconds = std::max(0.0, seconds_between(*history.last_window, history.now));
    }
    report.mood = mood_of(report);
    report.verdict = verdict_of(report);
    return report;
}

std::optional<double> ReportTable::rows_per_second() const {
    if (rows == 0 || seconds <= 0) return std::nullopt;
    return static_cast<double>(rows) / seconds;
}

double Report::fraction() const {
    if (bytes > 0) return static_cast<double>(bytes_loaded) / static_cast<double>(bytes);
    if (all_chunks == 0) return 0;
    return static_cast<double>(chunks_loaded) / static_cast<double>(all_chunks);
}

double Report::bytes_per_second() const {
    return copy_seconds > 0 ? static_cast<double>(sent_bytes) / copy_seconds : 0;
}

}  // namespace pghaul::cmd
