// Catch-up: takes the captured changes window by window from the source to the target, until told
// to stop. A window and its mark commit in one target transaction, after which the whole target is
// the source as of the window's end; only then are the delta rows removed (invariants 4, 6, 7).
// A window too large for one transaction is applied in slices, in parallel, in two passes: first
// every touched key is deleted, then every touched row is inserted; the mark moves last.
// Thread: the run's main thread; slices run on threads of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "delta/applier.hpp"
#include "delta/cleaner.hpp"
#include "delta/slices.hpp"
#include "delta/window.hpp"
#include "io/conninfo.hpp"
#include "snapshot/journal.hpp"

namespace pghaul::delta {

/// When a window is too large for one transaction, and how large its slices are; others than the
/// defaults are for tests.
struct WindowLimits {
    /// Up to this many captured changes are applied in one transaction: a few seconds of work.
    std::int64_t whole_rows = 200'000;
    /// Captured changes in one slice of a larger window. Every slice reads the table's delta rows
    /// twice, so fewer and larger ones cost less; a lost one costs more.
    std::int64_t slice_rows = 250'000;
};

struct CatchUpSetup {
    const io::ConnInfo& source;
    const io::ConnInfo& target;
    const snapshot::Plan& plan;
    CaptureSite site;
    snapshot::JobTicket ticket;
    int jobs = 1;
    /// session_replication_role=replica may be set on the target.
    bool replica = false;
    io::RunProgress& progress;
    const io::Interrupt& interrupt;
    /// Compare the rows of every changed key on both sides before they are committed.
    bool check = false;
    WindowLimits limits = {};
};

/// The target shows this moment of the source.
struct Moment {
    /// For other sessions: `set transaction snapshot`.
    const std::string& exported;
    /// The window's own session, in the moment's transaction, with the window's tables locked: what
    /// it reads needs to wait for nobody. Null where the locks are gone already.
    io::Connection* session = nullptr;
};

struct WindowResult {
    /// Captured changes in it.
    std::int64_t rows = 0;
    /// It was applied in several transactions.
    bool sliced = false;
    /// From the opening of the window to the target's commit.
    std::chrono::duration<double> took{0};
};

class CatchUp {
  public:
    /// Tables without a loaded chunk are copied whole in the first window.
    /// Requires: the journal's lock is held; every loaded table has its apply key's index.
    CatchUp(CatchUpSetup setup, snapshot::Journal& journal);
    ~CatchUp();

    /// Applies everything that is committed on the source now. Lost connections and the like are
    /// retried with a bound. Throws: io::Error with the table; the position is then not advanced.
    /// at_its_end: called while the target shows the window's end. keep_locks: and while the
    /// window's tables are locked on the source; a TRUNCATE of them waits, and everybody else
    /// behind it.
    using AtMoment = std::function<void(const Moment&)>;
    WindowResult apply_window(const AtMoment& at_its_end = {}, bool keep_locks = false);

    /// Windows until one is applied within a second of its opening, or holds nothing.
    /// stop: asked between windows. Returns false if it said yes.
    template <typename Stop>
    bool until_current(Stop stop) {
        for (;;) {
            const auto window = apply_window();
            if (!window.sliced && window.took < std::chrono::seconds(1)) return true;
            if (stop()) return false;
        }
    }

    /// For cutover: applies everything that is left in one transaction, read by the session that
    /// locks writers out (see locked_window()). The delta rows stay where they are.
    /// locker: opened with apply_settings(). Throws: io::Error; nothing is retried.
    WindowResult drain(io::Connection& locker);

    /// Ends the sessions on both servers; they come back when needed.
    void close() noexcept;

  private:
    WindowResult try_window(const AtMoment& at_its_end, bool keep_locks);
    Window open(std::optional<Slices>& slices);
    void apply_whole(const Window& window);
    void apply(const Window& window, const Pending& pending);
    void copy_fresh(const Window& window, const Pending& pending);
    void apply_in_slices(const Window& window, Slices& slices);
    bool appends(const Pending& pending) const;
    bool goes_with_mark(const Pending& pending) const;
    void commit_mark(const Window& window);
    void measure(const Window& window, std::chrono::steady_clock::time_point opened);

    io::Connection open_source(const std::string& role) const;
    io::Connection open_target(const std::string& role) const;
    io::Connection& reader();
    io::Connection& writer();

    CatchUpSetup setup_;
    snapshot::Journal& journal_;
    CapturedTables tables_;
    FreshTables fresh_;
    std::vector<io::StreamProgress*> streams_;
    std::string from_;
    /// The target shows exactly the source as of from_, not several moments after it.
    bool one_moment_ = false;
    std::optional<io::Connection> reader_;
    Cleaner cleaner_;
    std::optional<io::Connection> writer_;
    /// The writer's, which knows that session's temporary tables.
    std::optional<Applier> applier_;
    std::chrono::steady_clock::time_point last_opened_;
    std::chrono::steady_clock::time_point last_mark_;
};

}  // namespace pghaul::delta
