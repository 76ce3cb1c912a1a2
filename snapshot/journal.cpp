#include "snapshot/journal.hpp"

#include <fmt/format.h>

#include <stdexcept>

#include "snapshot/journal_sql.hpp"

namespace pghaul::snapshot {
namespace {

using io::Error;
using io::ExitCode;

/// Most likely by our own former session: its server has not noticed yet that we are gone.
[[noreturn]] void throw_still_locked(const std::string& job) {
    throw Error("job " + job + " is still locked by another session")
        .retryable(true)
        .poisons_connection(true)
        .exit_code(ExitCode::stopped)
        .hint("run again in half a minute; pghaul status shows whether another run has the job");
}

}  // namespace

Journal::Journal(io::ConnInfo target, std::string job, const io::Interrupt& interrupt)
    : target_(std::move(target)), job_(std::move(job)), interrupt_(&interrupt) {}

Journal Journal::open(io::ConnInfo target, std::string job, const io::Interrupt& interrupt) {
    Journal journal(std::move(target), std::move(job), interrupt);
    journal.connection();
    return journal;
}

io::Connection& Journal::connection() {
    if (connection_ && !connection_->poisoned()) return *connection_;
    connection_.reset();
    connection_ = io::Connection::open(
        target_, {job_, "journal", "UTF8", std::chrono::seconds(30), {}}, *interrupt_);
    if (locked_) {
        // The lock went with the session. Whoever holds it now, if anybody, owns the job.
        const bool free = try_lock();
        const auto record = find();
        if (!free || !record || record->run != run_) connection_.reset();
        if (!record || record->run != run_) throw_taken_over(job_);
        if (!free) throw_still_locked(job_);
    }
    return *connection_;
}

io::Result Journal::query(const io::Query& query, const io::Params& params) {
    try {
        return connection().query(query, params);
    } catch (const Error& error) {
        // Statements that come here set a state or read: doing them twice is doing them once (the
        // seconds of a step may count twice, which only a display sees).
        if (!error.poisons_connection() || !error.retryable()) throw;
        // Before the run's number is known, nobody could tell this run from another.
        if (locked_ && run_ == 0) throw;
        return connection().query(query, params);
    }
}

bool Journal::exists() { return query(kJournalExists, {}).boolean(0, 0); }

std::vector<std::string> Journal::jobs() {
    const auto rows = query(kListJobs, {});
    std::vector<std::string> names;
    for (int row = 0; row < rows.rows(); ++row) names.push_back(rows.string(row, 0));
    return names;
}

std::optional<JobRecord> Journal::find() {
    if (!exists()) return std::nullopt;
    const auto row = query(kReadJob, {job_});
    if (row.rows() == 0) return std::nullopt;
    JobRecord record{row.string(0, 0),   row.string(0, 1),   row.string(0, 2),
                     row.string(0, 3),   row.string(0, 4),   phase_from_name(row.text(0, 5)),
                     row.integer(0, 6),  row.string(0, 7),   row.string(0, 8),
                     row.string(0, 9),   row.string(0, 10),  row.boolean(0, 11),
                     row.boolean(0, 12), row.string(0, 13),  row.string(0, 14),
                     row.real(0, 15),    row.integer(0, 16), row.boolean(0, 17),
                     row.integer(0, 18)};
    phase_ = record.phase;
    return record;
}

bool Journal::is_running() { return query(kLockHolder, {job_}).rows() > 0; }

void Journal::create() {
    connection().execute(kCreateJournal);
    upgrade();
}

void Journal::upgrade() { connection().execute(kUpgradeJournal); }

bool Journal::try_lock() { return connection_->query(kTryLockJob, {job_}).boolean(0, 0); }

void Journal::lock() {
    connection();
    // A run that was killed a moment ago may still be closing its sessions.
    for (int attempt = 0; attempt < 20; ++attempt) {
        locked_ = try_lock();
        if (locked_) {
            end_leftover_sessions(connection(), job_, *interrupt_);
            return;
        }
        interrupt_->sleep_ms(100);
    }
    std::string holder = "another session";
    if (const auto rows = query(kLockHolder, {job_}); rows.rows() > 0) {
        holder = fmt::format("session {} from {} ({}) since {}", rows.text(0, 0), rows.text(0, 1),
                             rows.text(0, 2), rows.text(0, 3));
    }
    const auto record = find();
    throw Error(fmt::format("job {} is being run by {}{}", job_, holder,
                            record ? ", process " + record->runner : std::string()))
        .exit_code(ExitCode::stopped)
        .hint("wait for it; one run holds a job at a time (pghaul status shows how far it is)");
}

void Journal::insert(const JobRecord& record) {
    connection().query(kInsertJob,
                       {record.job, record.version, record.source, record.source_identity,
                        record.settings, record.runner, record.capture ? "t" : "f", record.job_id});
    phase_ = Phase::created;
}

std::int64_t Journal::begin_run(const std::string& runner, const std::string& version) {
    upgrade();
    run_ = connection().query_row(kBeginRun, {job_, runner, version}).integer(0, 0);
    return run_;
}

void Journal::set_phase(Phase phase) {
    if (phase < phase_) throw std::logic_error("a phase never moves backwards (invariant 9)");
    const auto result = query(kSetPhase, {job_, std::to_string(run_), std::string(name_of(phase))});
    if (result.affected() != 1) throw_taken_over(job_);
    phase_ = phase;
}

int Journal::add_snapshot(const std::string& snapshot) {
    return static_cast<int>(connection().query_row(kAddSnapshot, {job_, snapshot}).integer(0, 0));
}

std::map<int, std::string> Journal::snapshots() {
    const auto rows = query(kReadSnapshots, {job_});
    std::map<int, std::string> snapshots;
    for (int row = 0; row < rows.rows(); ++row) {
        snapshots[static_cast<int>(rows.integer(row, 0))] = rows.string(row, 1);
    }
    return snapshots;
}

std::string Journal::delta_from() { return query(kDeltaFrom, {job_}).string(0, 0); }

void Journal::mark_cutover(std::optional<std::chrono::milliseconds> pause) {
    const auto marked =
        query(kMarkCutover, {job_, std::to_string(run_),
                             pause ? io::Param(std::to_string(pause->count())) : std::nullopt});
    if (marked.affected() != 1) throw_taken_over(job_);
}

void Journal::add_step(const std::string& step, double seconds, bool finished) {
    query(kAddStep, {job_, step, fmt::format("{:.6f}", seconds), finished ? "t" : "f"});
}

std::map<std::string, Step> Journal::steps() {
    const auto rows = query(kReadSteps, {job_});
    std::map<std::string, Step> steps;
    for (int row = 0; row < rows.rows(); ++row) {
        steps[rows.string(row, 0)] = {rows.integer(row, 1), rows.boolean(row, 2),
                                      rows.real(row, 3)};
    }
    return steps;
}

void Journal::note_problem(const std::string& subject, const std::string& message) {
    query(kNoteProblem, {job_, subject, message});
}

void Journal::forget_problem(const std::string& subject) { query(kForgetProblem, {job_, subject}); }

std::vector<Problem> Journal::problems() {
    const auto rows = query(kListProblems, {job_});
    std::vector<Problem> problems;
    for (int row = 0; row < rows.rows(); ++row) {
        problems.push_back({rows.string(row, 0), rows.string(row, 1)});
    }
    return problems;
}

JobTotals Journal::totals() {
    const auto row = query(kTotals, {job_});
    return {row.integer(0, 0), row.integer(0, 1), row.integer(0, 2), row.integer(0, 3),
            row.integer(0, 4), row.integer(0, 5), row.integer(0, 6), row.integer(0, 7),
            row.integer(0, 8), row.integer(0, 9), row.string(0, 10)};
}

void Journal::remove() {
    query(kDeleteJob, {job_});
    connection().execute(kDropJournalIfEmpty);
}

void end_leftover_sessions(io::Connection& connection, const std::string& job,
                           const io::Interrupt& interrupt, const std::string& role) {
    // The server cuts application_name at 63 bytes; job names are at most 40.
    const std::string prefix = "pghaul/" + job + "/" + role;
    for (int attempt = 0; attempt < 300; ++attempt) {
        if (connection.query(kEndLeftovers, {prefix}).rows() == 0) return;
        interrupt.sleep_ms(100);
    }
    throw Error("sessions of an earlier run of job " + job + " do not end on " +
                connection.server_name())
        .exit_code(ExitCode::stopped)
        .hint("end them with pg_terminate_backend; see application_name '" + prefix +
              "…' in "
              "pg_stat_activity");
}

}  // namespace pghaul::snapshot
