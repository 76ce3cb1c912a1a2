// Where runs of a job have kept rows in files: noted on the target before the first file is made,
// so that whoever ends the job knows of them, whatever became of the run. Not for: the files
// themselves (loader/spool_folder.hpp); what is in them the folder alone tells. Thread: the one
// that owns the connection.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/connection.hpp"

namespace pghaul::snapshot {

struct SpoolNote {
    /// The run's host, by its own name.
    std::string host;
    /// The folder, absolute, in which the job's own is made.
    std::string base;
    /// Units: bytes that the files may take.
    std::int64_t limit_bytes = 0;

    bool operator==(const SpoolNote&) const = default;
};

/// Jobs that an older pghaul has begun can't note it: for these all do nothing.
/// Throw: io::Error.
void note_spool(io::Connection& target, const std::string& job, const SpoolNote& note);
void forget_spool_note(io::Connection& target, const std::string& job, const SpoolNote& note);
std::vector<SpoolNote> spool_notes(io::Connection& target, const std::string& job);

}  // namespace pghaul::snapshot
