// How failed work is done again: whether there is another attempt, what is said and counted
// meanwhile, and the pause before it. The loop itself stays with whoever does the work, and so does
// what only it knows: which sessions to close, what else ends the work, and whether an attempt
// whose commit was not answered took place (invariant 8).
// Not for: deciding whether work may be done twice at all.
// Thread: one object belongs to one piece of work.
#pragma once

#include <string>

#include "io/backoff.hpp"
#include "io/error.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"

namespace pghaul::io {

class Retry {
  public:
    /// stream: shows that it waits; null: nobody does.
    Retry(const Interrupt& interrupt, RunProgress& progress, StreamProgress* stream = nullptr)
        : interrupt_(interrupt), progress_(progress), stream_(stream) {}

    /// True if the work may be tried again after this error: it passes by itself, attempts are
    /// left, and nobody has stopped the run.
    bool allows(const Error& error) const noexcept {
        return !interrupt_.fired() && backoff_.allows(error);
    }
    /// Reports the error, counts one more attempt and waits until it is due.
    /// what: the work, as the stream shows it. Throws: Interrupted.
    void pause(const Error& error, const std::string& what = {});
    /// Both: returns when the next attempt is due.
    /// Requires: the error is being handled. Throws: the same error if there is no other attempt;
    /// Interrupted.
    void pause_or_rethrow(const Error& error, const std::string& what = {});

    /// The work has been done; what comes next has all its attempts.
    void begin_anew() noexcept { backoff_ = {}; }
    /// Attempts that have failed so far.
    int failures() const noexcept { return backoff_.failures(); }

  private:
    const Interrupt& interrupt_;
    RunProgress& progress_;
    StreamProgress* stream_;
    Backoff backoff_;
};

}  // namespace pghaul::io
