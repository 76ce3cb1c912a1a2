// The streams of a run: -j threads that work a queue off until it is empty or the run's time is up.
// Thread: the run's main thread starts them and returns when all have ended.
#pragma once

#include <functional>
#include <string>

#include "cmd/run_context.hpp"
#include "loader/work_queue.hpp"

namespace pghaul::cmd {

/// What the streams read by; empty if nothing is left to read.
struct SnapshotInHand {
    std::string exported;
    /// In the journal.
    int number = 0;
    /// Which transactions it shows.
    std::string visible;
    /// The run that holds it, where that is another process; 0: this one.
    std::int64_t run = 0;
};

/// Tells the display how much there is to load, and how much of it is loaded already.
void begin_counting(io::RunProgress& progress, const snapshot::Plan& plan,
                    const snapshot::LoadedChunks& loaded);

/// The queue's rules say whether readers of the spool run beside the streams.
/// truncated_since: see loader/copy_chunk.hpp; may be empty.
/// Throws: what ended the first stream that failed. Whether the queue is done, the caller asks it.
void run_streams(RunContext& run, loader::WorkQueue& queue, const SnapshotInHand& snapshot,
                 const std::function<bool(snapshot::Oid)>& truncated_since);

}  // namespace pghaul::cmd
