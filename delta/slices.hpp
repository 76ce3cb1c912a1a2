// The sessions that apply a window too large for one transaction: several threads, each on both
// servers, take slices of the touched keys, in two passes.
// Thread: the one that catches up; the slices run on threads of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "delta/applier.hpp"
#include "delta/window.hpp"

namespace pghaul::delta {

struct SlicesSetup {
    using Open = std::function<io::Connection(const std::string& role)>;

    const CaptureSite& site;
    const std::string& encoding;
    /// Captured changes in one slice.
    std::int64_t slice_rows;
    /// See CatchUpSetup.
    bool check;
    /// Whether a table's changes are applied elsewhere.
    std::function<bool(const Pending&)> left_out;
    Open open_source;
    Open open_target;
    /// One per thread.
    const std::vector<io::StreamProgress*>& streams;
    io::RunProgress& progress;
    const io::Interrupt& interrupt;
};

class Slices {
  public:
    /// Opens all sessions, shares the window's snapshot with them and locks its tables in each, so
    /// that none stands in line later behind a TRUNCATE that itself waits for the window's end.
    /// Throws: io::Error, see stood_in_line().
    Slices(SlicesSetup setup, const Window& window);
    ~Slices();

    /// First pass: deletes every touched key. Commits slice by slice.
    void remove(const Window& window) { in_parallel(window, true); }
    /// Second pass: inserts what the touched keys hold at the window's end.
    void insert(const Window& window) { in_parallel(window, false); }

  private:
    struct Piece;
    struct Worker;
    std::vector<Piece> pieces_of(const Window& window) const;
    void in_parallel(const Window& window, bool deleting);
    void take(Worker& worker, io::StreamProgress& stream, const Window& window, const Piece& piece,
              bool deleting);

    SlicesSetup setup_;
    std::vector<std::unique_ptr<Worker>> workers_;
};

/// Adds the table to an error unless it is named already, and what to do when the target refuses a
/// row.
void explain(io::Error& error, const Pending& pending);

}  // namespace pghaul::delta
