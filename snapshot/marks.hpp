// The marks of the journal: each commits together with the work that it speaks of (invariants 3,
// 7), on the connection that does that work. A mark that rows are loaded is refused to a run that
// another has replaced.
// Not for: what the run as a whole notes (journal.hpp).
// Thread: the one that owns the connection.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/connection.hpp"
#include "io/row_hash.hpp"

namespace pghaul::snapshot {

/// How sure it is that a table holds on the target what was sent.
enum class Proof {
    none,         // not looked at yet
    unwanted,     // --verify none
    read_back,    // what was loaded was read again, with the sums of what was sent
    compared,     // rows of both servers were compared
    differences,  // found, and not mended yet
};

/// As the journal has it.
const char* name_of(Proof proof);
/// Proof::none for a name that is not known.
Proof proof_from_name(std::string_view name);

/// What a mark needs to say whose it is; copied into every lane.
struct JobTicket {
    std::string job;
    std::int64_t run = 0;
    int snapshot = 0;
};

/// What the mark of a chunk says, beside the snapshot.
struct LoadedChunk {
    int table = 0;
    int chunk = 0;
    /// As they were sent.
    io::RowSum rows;
    std::int64_t bytes = 0;
};
/// Marks chunks as loaded, in the caller's transaction. Throws: io::Error (stopped) if another
/// run has taken the job over.
void mark_loaded(io::Connection& target, const JobTicket& ticket,
                 const std::vector<LoadedChunk>& chunks);
/// What one transaction of the copy has done.
struct CopyMarks {
    std::map<int, std::vector<LoadedChunk>> loaded;  // by number of the snapshot
    std::map<Proof, std::vector<int>> proofs;        // of tables, by number
    std::vector<int> finished;                       // tables
};
/// Writes all of it, each kind at once. Throws as mark_loaded().
void write_marks(io::Connection& target, JobTicket ticket, const CopyMarks& marks);
void mark_objects_loaded(io::Connection& target, const JobTicket& ticket, int number,
                         std::int64_t bytes);
/// Settles a commit whose answer was lost (invariant 8). Requires: a fresh connection.
bool is_loaded(io::Connection& target, const std::string& job, int table, int chunk);
bool objects_are_loaded(io::Connection& target, const std::string& job, int number);
/// Notes that every change up to this snapshot is applied, in the transaction that applies them.
/// Throws: io::Error (stopped) if another run has taken the job over.
void mark_window(io::Connection& target, const JobTicket& ticket, const std::string& to,
                 std::int64_t delta_rows);
void mark_finished(io::Connection& target, const std::string& job, const std::vector<int>& tables);
void mark_proof(io::Connection& target, const std::string& job, const std::vector<int>& tables,
                Proof proof);
/// The sum over all chunks of a loaded table.
io::RowSum sent_rows(io::Connection& target, const std::string& job, int table);
/// Notes how far a step has come, in the caller's transaction.
void mark_step(io::Connection& target, const std::string& job, const std::string& step,
               std::int64_t entries_done, bool finished);

/// Throws: io::Error (stopped), always.
[[noreturn]] void throw_taken_over(const std::string& job);

}  // namespace pghaul::snapshot
