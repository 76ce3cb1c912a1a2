#include "snapshot/history.hpp"

#include "io/sql.hpp"
#include "io/transaction.hpp"
#include "snapshot/history_sql.hpp"

namespace pghaul::snapshot {
namespace {

using io::Result;

Instant instant(const Result& rows, int row, int column) {
    return Instant(std::chrono::microseconds(rows.integer(row, column)));
}

std::optional<Instant> instant_if_any(const Result& rows, int row, int column) {
    if (rows.is_null(row, column)) return std::nullopt;
    return instant(rows, row, column);
}

std::int64_t integer_or_0(const Result& rows, int row, int column) {
    return rows.is_null(row, column) ? 0 : rows.integer(row, column);
}

int number(const Result& rows, int row, int column) {
    return static_cast<int>(integer_or_0(rows, row, column));
}

void read_chunks(io::Connection& target, const std::string& job, History& history) {
    const auto rows = target.query(kReadChunkTimes, {job});
    for (int row = 0; row < rows.rows(); ++row) {
        history.chunks.push_back({number(rows, row, 0), number(rows, row, 1), rows.integer(row, 2),
                                  instant_if_any(rows, row, 3), instant_if_any(rows, row, 4),
                                  number(rows, row, 5), number(rows, row, 6),
                                  integer_or_0(rows, row, 7), integer_or_0(rows, row, 8)});
    }
    const auto objects = target.query(kReadObjectTimes, {job});
    for (int row = 0; row < objects.rows(); ++row) {
        history.objects.push_back({number(objects, row, 0), objects.integer(row, 1),
                                   instant_if_any(objects, row, 2), instant_if_any(objects, row, 3),
                                   number(objects, row, 4), number(objects, row, 5),
                                   integer_or_0(objects, row, 6)});
    }
}

void read_tables(io::Connection& target, const std::string& job, History& history) {
    const auto rows = target.query(kReadTableTimes, {job});
    for (int row = 0; row < rows.rows(); ++row) {
        history.tables.push_back({number(rows, row, 0), instant_if_any(rows, row, 1),
                                  proof_from_name(rows.text(row, 2)),
                                  instant_if_any(rows, row, 3)});
    }
}

void read_notes(io::Connection& target, const std::string& job, History& history) {
    const auto problems = target.query(kReadProblemTimes, {job});
    for (int row = 0; row < problems.rows(); ++row) {
        history.problems.push_back(
            {problems.string(row, 0), problems.string(row, 1), instant(problems, row, 2)});
    }
    const auto hazards = target.query(kReadHazards, {job});
    for (int row = 0; row < hazards.rows(); ++row) {
        history.hazards.push_back({hazards.string(row, 0), hazards.string(row, 1),
                                   hazards.string(row, 2), instant(hazards, row, 3)});
    }
}

}  // namespace

History read_history(io::Connection& target, const std::string& job) {
    if (!target.query_row(kJournalIsNew).boolean(0, 0)) {
        throw io::Error("the journal of job " + job + " was written by an earlier pghaul")
            .hint("pghaul run, follow or cutover of this version brings it up to date");
    }
    History history;
    const auto times = target.query_row(kReadJobTimes, {job});
    history.now = instant(times, 0, 0);
    history.begun = instant(times, 0, 1);
    history.done = instant_if_any(times, 0, 2);
    history.last_window = instant_if_any(times, 0, 3);
    history.cut_over = instant_if_any(times, 0, 4);
    history.windows = times.integer(0, 5);
    history.source_version = times.string(0, 6);
    read_chunks(target, job, history);
    read_tables(target, job, history);
    const auto snapshots = target.query(kReadSnapshotTimes, {job});
    for (int row = 0; row < snapshots.rows(); ++row) {
        history.snapshots.push_back(
            {number(snapshots, row, 0), snapshots.string(row, 1), instant(snapshots, row, 2)});
    }
    const auto steps = target.query(kReadStepTimes, {job});
    for (int row = 0; row < steps.rows(); ++row) {
        history.steps.push_back(
            {steps.string(row, 0), steps.real(row, 1), instant_if_any(steps, row, 2)});
    }
    read_notes(target, job, history);
    return history;
}

void note_hazards(io::Connection& target, const std::string& job, const std::string& topic,
                  const std::vector<NotedHazard>& hazards) {
    std::vector<std::string> weights;
    std::vector<std::string> messages;
    std::vector<std::string> fixes;
    for (const auto& hazard : hazards) {
        weights.push_back(hazard.weight);
        messages.push_back(hazard.message);
        fixes.push_back(hazard.fix);
    }
    io::Transaction transaction(target);
    target.query(kForgetHazards, {job, topic});
    target.query(kAddHazards, {job, topic, io::array_literal(weights), io::array_literal(messages),
                               io::array_literal(fixes)});
    transaction.commit();
}

void note_source_version(io::Connection& target, const std::string& job,
                         const std::string& version) {
    target.query(kNoteSourceVersion, {job, version});
}

}  // namespace pghaul::snapshot
