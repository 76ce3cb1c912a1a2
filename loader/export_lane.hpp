// A stream of an export: one thread with its own session on the source, which takes chunks from the
// queue and writes each into a file, until there are none. As lane.hpp is for a target server.
// Thread: run() is the body of the stream's thread.
#pragma once

#include <functional>
#include <mutex>

#include "io/connection.hpp"
#include "io/progress.hpp"
#include "loader/export_chunk.hpp"
#include "loader/export_files.hpp"
#include "loader/lane_source.hpp"
#include "loader/work_queue.hpp"

namespace pghaul::loader {

/// What all streams of an export share.
struct ExportSetup {
    RowsFrom from;
    ExportTo to;
    io::RunProgress& progress;
    /// See CopyRequest; empty without capture.
    std::function<bool(snapshot::Oid)> truncated_since;
    /// Files as they are sealed.
    SealedFiles& sealed;
    std::mutex& sealed_mutex;
};

class ExportLane {
  public:
    ExportLane(int number, const ExportSetup& setup, WorkQueue& queue);

    /// Never throws: an error goes to WorkQueue::fail.
    void run() noexcept;

  private:
    void perform_with_retry(const Work& work);
    void perform(const Work& work);
    void export_rows(const Work& work);
    bool is_sealed(const TableChunk& chunk) const;

    int number_;
    const ExportSetup& setup_;
    WorkQueue& queue_;
    io::StreamProgress& progress_;
    LaneSource source_;
};

}  // namespace pghaul::loader
