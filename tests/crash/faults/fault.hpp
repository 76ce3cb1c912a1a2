// What can go wrong during a round, one class per kind; the round says when.
//
// A fault strikes while pghaul runs and heals before it is started again, as a cron job would find
// it. Not for: deciding moments, starting pghaul, judging the end.
// Thread: the main thread.
#pragma once

#include <array>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "tests/crash/faults/arena.hpp"

namespace pghaul::test::faults {

using Random = std::mt19937;

/// A number from 0 to below `count`, the same on every machine for the same seed.
inline int draw(Random& random, int count) {
    return static_cast<int>(random() % static_cast<unsigned>(count));
}
inline int draw_between(Random& random, int least, int most) {
    return least + draw(random, most - least + 1);
}

enum class Kind {
    kill,
    kill_at_failpoint,
    error_at_failpoint,
    source_session,
    target_session,
    keeper_session,
    cancel,
    source_restart,
    target_restart,
    cut,
    reset,
    stall,
    lost_commit,
    full_disk,
    lock,
    clock_jump,
    count_,
};
constexpr int kKinds = static_cast<int>(Kind::count_);

/// The word for --kind, and what the table calls it.
std::string_view word_for(Kind kind);
std::string_view title_of(Kind kind);

struct Field {
    Arena& arena;
    const Ends& ends;
    Random& random;
};

class Fault {
  public:
    explicit Fault(const Field& field) : field_(field) {}
    virtual ~Fault() = default;
    Fault(const Fault&) = delete;
    Fault& operator=(const Fault&) = delete;

    /// Most strikes of one round.
    virtual int most_strikes() const { return 3; }
    /// What that command is to be started with while strikes are left.
    virtual Environment environment(const std::string& /*command*/) { return {}; }
    /// Does it now. Returns: what was done; empty: there was nothing to hit, ask again.
    virtual std::string strike(ChildProcess& child) = 0;
    /// Called every few milliseconds while pghaul runs.
    virtual void tick() {}
    /// Takes the cause away; pghaul has ended.
    virtual void heal() {}
    /// What happened inside pghaul by its environment, once it has ended; empty: nothing.
    virtual std::string struck_inside(const ProcessResult&) { return {}; }
    /// Whether it accounts for this end by an error (exit code 1); stopping early (75) needs no
    /// word.
    virtual bool explains_failure(const ProcessResult&) const { return false; }

  protected:
    int draw(int count) { return faults::draw(field_.random, count); }
    int draw_between(int least, int most) {
        return faults::draw_between(field_.random, least, most);
    }
    /// Either end, by chance.
    const End& either() { return draw(2) == 0 ? field_.ends.source : field_.ends.target; }
    const char* name(const End& end) const {
        return &end == &field_.ends.source ? "source" : "target";
    }
    const Field field_;
};

/// Null where this machine can't do it; then `why` says so.
std::unique_ptr<Fault> make_fault(Kind kind, const Field& field, std::string& why);

// By file; make_fault() alone calls these.
std::unique_ptr<Fault> make_process_fault(Kind kind, const Field& field);
std::unique_ptr<Fault> make_session_fault(Kind kind, const Field& field);
std::unique_ptr<Fault> make_server_fault(Kind kind, const Field& field);
std::unique_ptr<Fault> make_network_fault(Kind kind, const Field& field);

}  // namespace pghaul::test::faults
