// The journal of a job: what is planned, what is loaded, how far the job is. It lives in schema
// pghaul of the target; nothing local is ever the truth (invariant 3).
// A Journal that is locked proves that this process alone runs the job. If its session is lost it
// takes the lock again or fails; it never goes on without it.
// Not for: the marks that streams write on connections of their own (marks.hpp).
// journal_plan.cpp has what is about the plan. Thread: the run's main thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/marks.hpp"
#include "snapshot/phase.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::snapshot {

struct JobRecord {
    std::string job;
    std::string version;
    std::string source;
    std::string source_identity;
    std::string settings;
    Phase phase = Phase::created;
    std::int64_t run = 0;
    std::string runner;
    std::string created_at;
    std::string updated_at;
    std::string finished_at;
    bool planned = false;
    /// Changes are captured on the source.
    bool capture = false;
    /// Tells this job from another of the same name into another target.
    std::string job_id;
    /// Snapshot up to which changes are applied; empty before the first window.
    std::string delta_from;
    /// Units: seconds since the last window was applied; below 0 before the first.
    double delta_age_seconds = -1;
    /// Captured changes applied so far.
    std::int64_t delta_rows = 0;
    bool cut_over = false;
    std::int64_t cutover_pause_ms = 0;
};

struct LoadedChunks {
    std::set<std::pair<int, int>> tables;  // (table number, chunk number)
    std::set<int> large_objects;

    bool empty() const { return tables.empty() && large_objects.empty(); }
};

struct JobTotals {
    std::int64_t tables = 0;
    std::int64_t tables_loaded = 0;
    std::int64_t tables_finished = 0;
    std::int64_t chunks = 0;
    std::int64_t chunks_loaded = 0;
    std::int64_t bytes = 0;
    std::int64_t bytes_loaded = 0;
    std::int64_t rows = 0;
    std::int64_t sent_bytes = 0;
    std::int64_t snapshots = 0;
    std::string first_snapshot_at;
};

/// A part of the run that is done once; entries_done says how far a long one has come.
struct Step {
    std::int64_t entries_done = 0;
    bool finished = false;
    double seconds = 0;
};

struct Problem {
    std::string subject;
    std::string message;
};

class Journal {
  public:
    /// Opens a session on the target; makes nothing. Throws: io::Error.
    static Journal open(io::ConnInfo target, std::string job, const io::Interrupt& interrupt);

    bool exists();
    std::vector<std::string> jobs();
    std::optional<JobRecord> find();
    /// True if a process holds the job's lock.
    bool is_running();
    /// Makes the tables where they are missing. Throws: io::Error.
    void create();
    /// Takes the job for this process and ends sessions that a killed run left on the target.
    /// Throws: io::Error (stopped) that names the holder.
    void lock();
    /// record.job_id: empty for a new one.
    void insert(const JobRecord& record);
    /// Brings a journal of an earlier version up to date.
    void upgrade();
    /// Begins a run: from here on, marks of earlier runs fail. Returns its number. Brings a journal
    /// of an earlier version up to date.
    std::int64_t begin_run(const std::string& runner, const std::string& version);

    /// Throws: std::logic_error if it would move backwards (invariant 9).
    void set_phase(Phase phase);
    /// The one step back there is: --restart-copy, after the target was emptied.
    void forget_plan();
    /// Stores the plan and the schema archive it belongs to, in one transaction.
    /// schema_archive: is asked for it when the rest is written.
    void store_plan(const Plan& plan, const std::function<std::string()>& schema_archive);
    void store_plan(const Plan& plan, const std::string& schema_archive) {
        store_plan(plan, [&] { return schema_archive; });
    }
    /// Adds tables to a stored plan, in the caller's transaction on `target` (which makes them).
    /// plan: with the new tables at its end, of which first_new is the first.
    void add_tables(io::Connection& target, const Plan& plan, int first_new);
    Plan read_plan();
    /// Empty before a plan is stored.
    Plan read_plan_if_any();
    std::string read_archive();
    std::set<int> finished_tables();
    LoadedChunks loaded();
    std::int64_t missing_chunks();
    int add_snapshot(const std::string& snapshot);
    /// What each snapshot of the copy shows, by number.
    std::map<int, std::string> snapshots();
    /// The snapshot from which changes are still to be applied (invariants 4 and 7).
    std::string delta_from();
    /// Tables (numbers) with chunks of more than one snapshot (invariant 5).
    std::set<int> mixed_tables();
    /// By table number.
    std::map<int, Proof> proofs();
    void mark_proof(const std::vector<int>& tables, Proof proof);
    /// pause: nullopt takes the mark away.
    void mark_cutover(std::optional<std::chrono::milliseconds> pause);
    void add_step(const std::string& step, double seconds, bool finished);
    std::map<std::string, Step> steps();
    void note_problem(const std::string& subject, const std::string& message);
    void forget_problem(const std::string& subject);
    std::vector<Problem> problems();
    JobTotals totals();
    /// Rows (table, chunks loaded, chunks).
    std::vector<std::pair<std::string, std::string>> partly_loaded();
    /// Removes the job, and the schema when it was the last one.
    void remove();

    io::Connection& connection();
    /// host:port/database, as connected.
    std::string server_name() { return connection().server_name(); }
    const std::string& job() const noexcept { return job_; }
    std::int64_t run() const noexcept { return run_; }

  private:
    Journal(io::ConnInfo target, std::string job, const io::Interrupt& interrupt);
    io::Result query(const io::Query& query, const io::Params& params);
    bool try_lock();
    void insert_tables(io::Connection& target, const Plan& plan, int first);

    io::ConnInfo target_;
    std::string job_;
    const io::Interrupt* interrupt_;
    std::optional<io::Connection> connection_;
    bool locked_ = false;
    std::int64_t run_ = 0;
    Phase phase_ = Phase::created;
};

/// Ends sessions "pghaul/<job>/<role>…" of this user that a killed run (or a lost connection) left
/// in this database, and waits until they are gone. role: empty for all but the caller's own.
/// Throws: io::Error (stopped) if one stays longer than 30 s.
void end_leftover_sessions(io::Connection& connection, const std::string& job,
                           const io::Interrupt& interrupt, const std::string& role = {});

}  // namespace pghaul::snapshot
