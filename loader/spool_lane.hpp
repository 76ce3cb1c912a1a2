// A reader: one thread with a session on the source only, which brings chunks into files while the
// target is busy with others. It never ends a run: what it can't do it gives back to the queue, and
// the streams, which then read for themselves, meet and report the same trouble.
// Thread: run() is the body of the reader's thread.
#pragma once

#include "io/progress.hpp"
#include "io/retry.hpp"
#include "loader/lane.hpp"
#include "loader/lane_source.hpp"
#include "loader/work_queue.hpp"

namespace pghaul::loader {

class SpoolLane {
  public:
    /// number: among the readers, from 0.
    SpoolLane(int number, int streams, const LaneSetup& setup, WorkQueue& queue);

    /// Never throws: an error goes to WorkQueue::fail.
    void run() noexcept;

  private:
    void perform(const Work& work);
    void read(const Work& work);
    void answer(const Work& work, const io::Error& error);

    int number_;
    const LaneSetup& setup_;
    WorkQueue& queue_;
    io::StreamProgress& progress_;
    LaneSource source_;
    io::Retry retry_;
};

}  // namespace pghaul::loader
