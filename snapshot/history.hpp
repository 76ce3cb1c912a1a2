// What the journal knows of a job's past: when chunks, steps, snapshots and proofs were, and what
// was noted on the way. For those who look at a job (the report); a run decides nothing by it.
// Thread: any; each call uses the caller's connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "snapshot/journal.hpp"

namespace pghaul::snapshot {

/// By the target's clock.
using Instant = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

struct ChunkTimes {
    int table = 0;
    int number = 0;
    /// On the source, as planned.
    std::int64_t bytes = 0;
    /// Of the transaction that loaded it; small tables share one.
    std::optional<Instant> begun;
    std::optional<Instant> loaded;
    /// Process id of the target's session; 0 while it is not loaded.
    int backend = 0;
    int snapshot = 0;
    std::int64_t rows = 0;
    std::int64_t sent_bytes = 0;
};

struct ObjectTimes {
    int number = 0;
    std::int64_t objects = 0;
    std::optional<Instant> begun;
    std::optional<Instant> loaded;
    int backend = 0;
    int snapshot = 0;
    std::int64_t sent_bytes = 0;
};

struct TableTimes {
    int number = 0;
    /// Its indexes and keys are made.
    std::optional<Instant> finished;
    Proof proof = Proof::none;
    std::optional<Instant> proven;
};

struct SnapshotTimes {
    int number = 0;
    std::string visible;
    Instant taken;
};

struct StepTimes {
    std::string name;
    double seconds = 0;
    /// Empty while it is under way.
    std::optional<Instant> ended;
};

struct NotedProblem {
    std::string subject;
    std::string message;
    Instant noted;
};

/// Weight, message and fix as plan prints them.
struct NotedHazard {
    std::string weight;
    std::string message;
    std::string fix;
    Instant noted = {};
};

struct History {
    Instant now;
    Instant begun;
    std::optional<Instant> done;
    std::optional<Instant> last_window;
    std::optional<Instant> cut_over;
    std::int64_t windows = 0;
    /// Empty: not known.
    std::string source_version;
    std::vector<ChunkTimes> chunks;  // by table and number
    std::vector<ObjectTimes> objects;
    std::vector<TableTimes> tables;
    std::vector<SnapshotTimes> snapshots;
    std::vector<StepTimes> steps;
    std::vector<NotedProblem> problems;
    std::vector<NotedHazard> hazards;
};

/// Requires: the job exists. Throws: io::Error, also for a journal of an earlier version.
History read_history(io::Connection& target, const std::string& job);

/// Replaces what was noted on this topic ("servers", "plan").
void note_hazards(io::Connection& target, const std::string& job, const std::string& topic,
                  const std::vector<NotedHazard>& hazards);
void note_source_version(io::Connection& target, const std::string& job,
                         const std::string& version);

}  // namespace pghaul::snapshot
