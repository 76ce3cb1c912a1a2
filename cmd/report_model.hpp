// What a report says about a job, as plain data: put together once from the journal and, if it can
// be asked, the source; then written as a page (report_page.hpp) or as JSON (report_json.hpp).
// Nothing here asks a server or knows of HTML. Thread: any; no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "snapshot/history.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::cmd {

using snapshot::Instant;

/// What the source itself says. A report needs the target only.
struct SourceLook {
    /// --source was given.
    bool wanted = false;
    /// Why it could not be asked, in whole or in part.
    std::string error;
    /// Empty: not asked.
    std::string version;
    /// Where capture's objects are; empty: there are none, or it was not asked.
    std::string capture_schema;
    bool fenced = false;

    bool asked() const { return !version.empty(); }
};

/// All that a report is made from.
struct ReportFacts {
    snapshot::JobRecord record;
    snapshot::History history;
    snapshot::Plan plan;
    bool running = false;
    /// host:port/database and version.
    std::string target;
    std::string target_version;
    SourceLook source;
    /// Of the pghaul that writes the report.
    std::string program_version;
};

struct ReportTable {
    std::string name;
    /// On the source.
    std::int64_t bytes = 0;
    std::int64_t index_bytes = 0;
    std::int64_t rows = 0;
    std::int64_t sent_bytes = 0;
    std::string method;
    std::string format;
    bool freeze = false;
    std::int64_t chunks = 0;
    std::int64_t loaded = 0;
    /// Of its first chunk's load and its last one's end.
    std::optional<Instant> begun;
    std::optional<Instant> ended;
    /// Its indexes and keys are made.
    std::optional<Instant> finished;
    /// In which any of its chunks was being loaded.
    double seconds = 0;
    std::int64_t indexes = 0;
    snapshot::Proof proof = snapshot::Proof::none;
    std::optional<Instant> proven;
    /// Problems that name it.
    int problems = 0;

    bool complete() const { return loaded == chunks; }
    std::optional<double> rows_per_second() const;
};

/// A chunk that was loaded, and when.
struct ReportChunk {
    /// Its place in Report::tables; below 0: large objects.
    int table = -1;
    int number = 0;
    /// Streams have lanes of their own, from 0 on; a later stream may use an earlier one's.
    int lane = 0;
    Instant begun;
    Instant ended;
    std::int64_t rows = 0;
    std::int64_t sent_bytes = 0;
};

struct ReportStep {
    std::string name;
    Instant begun;
    Instant ended;
    /// What it took in all; more than from begun to ended where several runs worked on it.
    double seconds = 0;
    /// When it was worked on, as far as that is known.
    std::vector<std::pair<Instant, Instant>> parts;
    bool under_way = false;
};

struct ReportSnapshot {
    int number = 0;
    Instant taken;
    /// Loaded from it.
    std::int64_t chunks = 0;
};

struct ReportProblem {
    std::string subject;
    std::string message;
    /// What mends it; empty: see the message.
    std::string hint;
    Instant noted;
};

/// Tables by what is known of them.
struct ReportProofs {
    std::int64_t equal = 0;
    std::int64_t differing = 0;
    std::int64_t unwanted = 0;
    std::int64_t open = 0;
};

/// How a job is, for a colour.
enum class Mood { good, active, attention, bad };

struct Report {
    ReportFacts facts;
    std::string verdict;
    Mood mood = Mood::active;

    std::vector<ReportTable> tables;  // as in the plan: largest first
    std::vector<ReportChunk> chunks;  // by lane, then time
    int lanes = 0;
    std::vector<ReportStep> steps;
    std::vector<ReportSnapshot> snapshots;
    std::vector<ReportProblem> problems;
    ReportProofs proofs;

    std::int64_t tables_loaded = 0;
    std::int64_t tables_finished = 0;
    std::int64_t all_chunks = 0;  // of tables and large objects
    std::int64_t chunks_loaded = 0;
    std::int64_t bytes = 0;
    std::int64_t bytes_loaded = 0;
    std::int64_t rows = 0;
    std::int64_t sent_bytes = 0;
    std::int64_t objects = 0;
    std::int64_t objects_loaded = 0;
    /// In which anything was being loaded.
    double copy_seconds = 0;
    /// Since the target last showed a moment of the source; empty before the first, and after
    /// cutover.
    std::optional<double> behind_seconds;

    /// Of the copy, 0 to 1.
    double fraction() const;
    double bytes_per_second() const;
};

Report make_report(ReportFacts facts);

/// The state of a job in one sentence, and what it means. Requires: everything else is filled in.
std::string verdict_of(const Report& report);
Mood mood_of(const Report& report);

/// "read back: equal" and the like.
const char* proof_text(snapshot::Proof proof);
bool is_equal(snapshot::Proof proof);
const char* name_of(Mood mood);

}  // namespace pghaul::cmd
