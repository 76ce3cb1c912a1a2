// The network between pghaul and a server.
#include <fmt/format.h>

#include "tests/crash/faults/fault.hpp"

namespace pghaul::test::faults {
namespace {

using SteadyClock = std::chrono::steady_clock;

class EndConnections : public Fault {
  public:
    EndConnections(const Field& field, TcpProxy::End how) : Fault(field), how_(how) {}
    std::string strike(ChildProcess&) override {
        const End& end = either();
        const int count = end.proxy.end_all(how_);
        if (count == 0) return {};
        return fmt::format("{} {} connections to the {}",
                           how_ == TcpProxy::End::reset ? "reset" : "closed", count, name(end));
    }

  private:
    TcpProxy::End how_;
};

/// Nothing passes, and nobody is told: for a while, or until pghaul gives up.
class Stall : public Fault {
  public:
    using Fault::Fault;
    int most_strikes() const override { return 2; }
    std::string strike(ChildProcess&) override {
        const End& end = either();
        if (stalled_ || end.proxy.connections() == 0) return {};
        stalled_ = true;
        const bool newcomers = draw(2) == 0;
        const bool for_good = draw(2) == 0;
        const std::chrono::milliseconds time(for_good ? kForGood_ms : draw_between(200, 9000));
        const int count = end.proxy.stall(newcomers);
        until_ = SteadyClock::now() + time;
        return fmt::format("stalled {} connections{} to the {} {}", count,
                           newcomers ? " and all new ones" : "", name(end),
                           for_good ? "for good" : fmt::format("for {} ms", time.count()));
    }
    void tick() override {
        if (stalled_ && SteadyClock::now() >= until_) resume();
    }
    void heal() override {
        stalled_ = false;
        // Servers hear late that the other side has gone, but they do.
        for (const End* end : {&field_.ends.source, &field_.ends.target}) {
            end->proxy.calm();
            end->proxy.end_all(TcpProxy::End::reset);
        }
    }

  private:
    static constexpr int kForGood_ms = 600'000;
    void resume() {
        stalled_ = false;
        for (const End* end : {&field_.ends.source, &field_.ends.target}) end->proxy.resume();
    }
    bool stalled_ = false;
    SteadyClock::time_point until_;
};

class LostCommit : public Fault {
  public:
    using Fault::Fault;
    std::string strike(ChildProcess&) override {
        // Armed at one end after the other, until a commit went by.
        if (armed_ != nullptr) {
            if (armed_->proxy.answers_lost() == before_) return {};
            const auto what = fmt::format("lost the answer to a commit on the {}", name(*armed_));
            armed_ = nullptr;
            return what;
        }
        armed_ = draw(4) == 0 ? &field_.ends.source : &field_.ends.target;
        before_ = armed_->proxy.answers_lost();
        armed_->proxy.lose_answer_of_commit();
        return {};
    }
    void heal() override {
        field_.ends.source.proxy.calm();
        field_.ends.target.proxy.calm();
        if (armed_ != nullptr && armed_->proxy.answers_lost() == before_) armed_ = nullptr;
    }
    std::string struck_inside(const ProcessResult&) override {
        if (armed_ == nullptr || armed_->proxy.answers_lost() == before_) return {};
        const auto what = fmt::format("lost the answer to a commit on the {}", name(*armed_));
        armed_ = nullptr;
        return what;
    }

  private:
    const End* armed_ = nullptr;
    int before_ = 0;
};

}  // namespace

std::unique_ptr<Fault> make_network_fault(Kind kind, const Field& field) {
    switch (kind) {
        case Kind::cut:
            return std::make_unique<EndConnections>(field, TcpProxy::End::closed);
        case Kind::reset:
            return std::make_unique<EndConnections>(field, TcpProxy::End::reset);
        case Kind::stall:
            return std::make_unique<Stall>(field);
        default:
            return std::make_unique<LostCommit>(field);
    }
}

}  // namespace pghaul::test::faults
