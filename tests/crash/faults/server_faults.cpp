// A server crashes, runs out of room, has its clock set.
#include <fmt/format.h>

#include <thread>

#include "tests/crash/faults/fault.hpp"

namespace pghaul::test::faults {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// A postmaster that is killed without a crash of the machine keeps what was written, so fsync may
/// be off here.
class Restart : public Fault {
  public:
    Restart(const Field& field, const End& end) : Fault(field), end_(end) {}
    int most_strikes() const override { return 2; }
    std::string strike(ChildProcess&) override {
        const std::chrono::milliseconds down(draw(4) == 0 ? draw_between(500, 3000) : 0);
        end_.server.stop_immediate();
        std::this_thread::sleep_for(down);
        end_.server.start();
        return fmt::format("restarted the {}, down for {} ms", name(end_), down.count());
    }

  private:
    const End& end_;
};

class FullDisk : public Fault {
  public:
    using Fault::Fault;
    int most_strikes() const override { return 2; }
    std::string strike(ChildProcess&) override {
        const int left_kb = draw_between(0, 6000);
        field_.arena.small_disk()->fill(static_cast<std::uintmax_t>(left_kb) * 1024);
        until_ = SteadyClock::now() + std::chrono::seconds(5);
        return fmt::format("filled the target's disk up to {} kB", left_kb);
    }
    void tick() override {
        // Where pghaul writes nothing more it does not notice, and need not.
        if (SteadyClock::now() >= until_) heal();
    }
    void heal() override { field_.arena.small_disk()->free(); }
    bool explains_failure(const ProcessResult& result) const override {
        return result.err.find("53100") != std::string::npos;
    }

  private:
    SteadyClock::time_point until_;
};

class ClockJump : public Fault {
  public:
    using Fault::Fault;
    ~ClockJump() override { field_.arena.clock().shift_s(0); }
    int most_strikes() const override { return 5; }
    std::string strike(ChildProcess&) override {
        constexpr int kDay = 24 * 3600;
        const int shift = draw(2) == 0 ? draw_between(-kDay, kDay) : draw_between(-90, 90);
        field_.arena.clock().shift_s(shift);
        return fmt::format("set all clocks to {:+} s", shift);
    }
};

}  // namespace

std::unique_ptr<Fault> make_server_fault(Kind kind, const Field& field) {
    switch (kind) {
        case Kind::source_restart:
            return std::make_unique<Restart>(field, field.ends.source);
        case Kind::target_restart:
            return std::make_unique<Restart>(field, field.ends.target);
        case Kind::full_disk:
            return std::make_unique<FullDisk>(field);
        default:
            return std::make_unique<ClockJump>(field);
    }
}

}  // namespace pghaul::test::faults
