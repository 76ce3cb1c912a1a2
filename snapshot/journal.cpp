#include "snapshot/journal.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <stdexcept>

#include "io/transaction.hpp"
#include "snapshot/journal_sql.hpp"
#include "snapshot/plan_sql.hpp"

namespace pghaul::snapshot {
namespace {

using io::Error;
using io::ExitCode;

std::string hex(const std::string& bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

std::string unhex(std::string_view text) {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        bytes += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
    }
    return bytes;
}

/// Collects the columns of an insert from unnest().
class ArrayParam {
  public:
    void add(const std::string& value) { values_.push_back(value); }
    void add(std::int64_t value) { values_.push_back(std::to_string(value)); }
    std::string text() const { return io::array_literal(values_); }

  private:
    std::vector<std::string> values_;
};

constexpr std::array<std::pair<Proof, const char*>, 5> kProofs = {
    {{Proof::none, ""},
     {Proof::unwanted, "unwanted"},
     {Proof::read_back, "read back"},
     {Proof::compared, "compared"},
     {Proof::differences, "differences"}}};

std::uint64_t from_hex(std::string_view digits) {
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    return value;
}

[[noreturn]] void throw_taken_over(const std::string& job) {
    throw Error("another run has taken over job " + job)
        .exit_code(ExitCode::stopped)
        .hint("let that run finish; see pghaul status");
}

/// Most likely by our own former session: its server has not noticed yet that we are gone.
[[noreturn]] void throw_still_locked(const std::string& job) {
    throw Error("job " + job + " is still locked by another session")
        .retryable(true)
        .poisons_connection(true)
        .exit_code(ExitCode::stopped)
        .hint("run again in half a minute; pghaul status shows whether another run has the job");
}

}  // namespace

const char* name_of(Proof proof) {
    for (const auto& [each, name] : kProofs) {
        if (each == proof) return name;
    }
    return "";
}

Proof proof_from_name(std::string_view name) {
    for (const auto& [proof, each] : kProofs) {
        if (each == name) return proof;
    }
    return Proof::none;
}

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
    connection().execute(kUpgradeJournal);
}

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
    connection().execute(kUpgradeJournal);
    run_ = connection().query_row(kBeginRun, {job_, runner, version}).integer(0, 0);
    return run_;
}

void Journal::set_phase(Phase phase) {
    if (phase < phase_) throw std::logic_error("a phase never moves backwards (invariant 9)");
    const auto result = query(kSetPhase, {job_, std::to_string(run_), std::string(name_of(phase))});
    if (result.affected() != 1) throw_taken_over(job_);
    phase_ = phase;
}

void Journal::forget_plan() {
    io::Transaction transaction(connection());
    connection().query(kForgetPlan, {job_});
    connection().query(kSetPhase,
                       {job_, std::to_string(run_), std::string(name_of(Phase::schema))});
    transaction.commit();
    phase_ = Phase::schema;
}

void Journal::insert_tables(io::Connection& target, const Plan& plan, int first) {
    ArrayParam numbers, names, bytes, plans, chunk_tables, chunk_numbers, chunk_bytes;
    for (const auto& table : plan.tables) {
        if (table.number < first) continue;
        numbers.add(table.number);
        names.add(table.info.display());
        bytes.add(table.info.bytes());
        plans.add(to_json(table));
        for (const auto& chunk : table.chunks) {
            chunk_tables.add(table.number);
            chunk_numbers.add(chunk.number);
            chunk_bytes.add(chunk.bytes);
        }
    }
    target.query(kInsertTablePlans,
                 {job_, numbers.text(), names.text(), bytes.text(), plans.text()});
    target.query(kInsertChunks,
                 {job_, chunk_tables.text(), chunk_numbers.text(), chunk_bytes.text()});
}

void Journal::add_tables(io::Connection& target, const Plan& plan, int first_new) {
    insert_tables(target, plan, first_new);
    const auto stored =
        target.query(kReplacePlan, {job_, std::to_string(run_), to_json_without_tables(plan)});
    if (stored.affected() != 1) throw_taken_over(job_);
}

void Journal::store_plan(const Plan& plan, const std::string& schema_archive) {
    ArrayParam object_numbers, objects;
    for (const auto& chunk : plan.large_objects) {
        object_numbers.add(chunk.number);
        objects.add(chunk.objects);
    }
    auto& target = connection();
    io::Transaction transaction(target);
    target.query(kForgetPlan, {job_});
    insert_tables(target, plan, 0);
    target.query(kInsertObjectChunks, {job_, object_numbers.text(), objects.text()});
    const auto stored = target.query(
        kStorePlan,
        {job_, std::to_string(run_), to_json_without_tables(plan), hex(schema_archive)});
    if (stored.affected() != 1) throw_taken_over(job_);
    transaction.commit();
}

Plan Journal::read_plan() {
    Plan plan = plan_from_json_without_tables(query(kReadPlan, {job_}).string(0, 0));
    const auto rows = query(kReadTablePlans, {job_});
    for (int row = 0; row < rows.rows(); ++row) {
        plan.tables.push_back(table_plan_from_json(rows.string(row, 0)));
    }
    return plan;
}

Plan Journal::read_plan_if_any() {
    return query(kReadPlan, {job_}).is_null(0, 0) ? Plan() : read_plan();
}

std::string Journal::read_archive() { return unhex(query(kReadArchive, {job_}).text(0, 0)); }

std::set<int> Journal::finished_tables() {
    const auto rows = query(kReadTablePlans, {job_});
    std::set<int> finished;
    for (int row = 0; row < rows.rows(); ++row) {
        if (rows.boolean(row, 1)) finished.insert(row);
    }
    return finished;
}

LoadedChunks Journal::loaded() {
    LoadedChunks loaded;
    const auto rows = query(kReadLoaded, {job_});
    for (int row = 0; row < rows.rows(); ++row) {
        loaded.tables.emplace(rows.integer(row, 0), rows.integer(row, 1));
    }
    const auto objects = query(kReadLoadedObjects, {job_});
    for (int row = 0; row < objects.rows(); ++row) {
        loaded.large_objects.insert(static_cast<int>(objects.integer(row, 0)));
    }
    return loaded;
}

std::int64_t Journal::missing_chunks() { return query(kCountMissing, {job_}).integer(0, 0); }

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

std::set<int> Journal::mixed_tables() {
    const auto rows = query(kMixedTables, {job_});
    std::set<int> tables;
    for (int row = 0; row < rows.rows(); ++row) {
        tables.insert(static_cast<int>(rows.integer(row, 0)));
    }
    return tables;
}

std::map<int, Proof> Journal::proofs() {
    const auto rows = query(kReadProofs, {job_});
    std::map<int, Proof> proofs;
    for (int row = 0; row < rows.rows(); ++row) {
        proofs[static_cast<int>(rows.integer(row, 0))] = proof_from_name(rows.text(row, 1));
    }
    return proofs;
}

void Journal::mark_proof(const std::vector<int>& tables, Proof proof) {
    snapshot::mark_proof(connection(), job_, tables, proof);
}

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

std::vector<std::pair<std::string, std::string>> Journal::partly_loaded() {
    const auto rows = query(kPartlyLoaded, {job_});
    std::vector<std::pair<std::string, std::string>> tables;
    for (int row = 0; row < rows.rows(); ++row) {
        tables.emplace_back(rows.string(row, 0),
                            rows.string(row, 1) + " of " + rows.string(row, 2) + " chunks");
    }
    return tables;
}

void Journal::remove() {
    query(kDeleteJob, {job_});
    connection().execute(kDropJournalIfEmpty);
}

void mark_loaded(io::Connection& target, const JobTicket& ticket, int table, int chunk,
                 const io::RowSum& sum, std::int64_t bytes) {
    const auto marked =
        target.query(kMarkLoaded, {ticket.job, std::to_string(ticket.run), std::to_string(table),
                                   std::to_string(chunk), std::to_string(ticket.snapshot),
                                   std::to_string(sum.rows), std::to_string(bytes),
                                   fmt::format("{:016x}{:016x}", sum.sum.high, sum.sum.low)});
    if (marked.affected() != 1) throw_taken_over(ticket.job);
}

void mark_objects_loaded(io::Connection& target, const JobTicket& ticket, int number,
                         std::int64_t bytes) {
    const auto marked =
        target.query(kMarkObjects, {ticket.job, std::to_string(ticket.run), std::to_string(number),
                                    std::to_string(ticket.snapshot), std::to_string(bytes)});
    if (marked.affected() != 1) throw_taken_over(ticket.job);
}

bool is_loaded(io::Connection& target, const std::string& job, int table, int chunk) {
    const auto rows = target.query(kIsLoaded, {job, std::to_string(table), std::to_string(chunk)});
    return rows.rows() == 1 && rows.boolean(0, 0);
}

bool objects_are_loaded(io::Connection& target, const std::string& job, int number) {
    const auto rows = target.query(kObjectsLoaded, {job, std::to_string(number)});
    return rows.rows() == 1 && rows.boolean(0, 0);
}

void mark_window(io::Connection& target, const JobTicket& ticket, const std::string& to,
                 std::int64_t delta_rows) {
    const auto marked = target.query(
        kMarkWindow, {ticket.job, std::to_string(ticket.run), to, std::to_string(delta_rows)});
    if (marked.affected() != 1) throw_taken_over(ticket.job);
}

void mark_finished(io::Connection& target, const std::string& job, int table) {
    target.query(kMarkFinished, {job, std::to_string(table)});
}

void mark_proof(io::Connection& target, const std::string& job, const std::vector<int>& tables,
                Proof proof) {
    ArrayParam numbers;
    for (const int table : tables) numbers.add(table);
    target.query(kMarkProof, {job, numbers.text(), std::string(name_of(proof))});
}

io::RowSum sent_rows(io::Connection& target, const std::string& job, int table) {
    const auto rows = target.query(kReadSums, {job, std::to_string(table)});
    io::RowSum all;
    for (int row = 0; row < rows.rows(); ++row) {
        const auto sum = rows.text(row, 1);
        all.add({static_cast<std::uint64_t>(rows.integer(row, 0)),
                 {from_hex(sum.substr(16)), from_hex(sum.substr(0, 16))}});
    }
    return all;
}

void mark_step(io::Connection& target, const std::string& job, const std::string& step,
               std::int64_t entries_done, bool finished) {
    target.query(kMarkStep, {job, step, std::to_string(entries_done), finished ? "t" : "f"});
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
