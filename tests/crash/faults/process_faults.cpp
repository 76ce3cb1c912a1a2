// pghaul itself dies or fails.
#include <fmt/format.h>

#include "io/failpoint.hpp"
#include "tests/crash/faults/fault.hpp"

namespace pghaul::test::faults {
namespace {

class Kill : public Fault {
  public:
    using Fault::Fault;
    int most_strikes() const override { return 5; }
    std::string strike(ChildProcess& child) override {
        if (!child.running()) return {};
        child.kill(SIGKILL);
        return "killed";
    }
};

/// Whether a command passes a place in the course of a job.
bool passes(const std::string& command, const std::string& place) {
    if (place == "capture_removed") return command == "drop";
    if (place.starts_with("cutover_")) return command == "cutover";
    if (place.starts_with("window_")) return command != "drop";
    return command == "run";
}

/// At a place that a seed chose, at the pass it chose; another place at each start.
class AtFailpoint : public Fault {
  public:
    AtFailpoint(const Field& field, bool kills) : Fault(field), kills_(kills) {}
    int most_strikes() const override { return 4; }
    std::string strike(ChildProcess&) override { return {}; }

    Environment environment(const std::string& command) override {
        choose(command);
        return {{"PGHAUL_FAILPOINTS", setting_}};
    }

    std::string struck_inside(const ProcessResult& result) override {
        const bool hit = kills_ ? result.signal == SIGKILL
                                : result.err.find("failpoint " + name_) != std::string::npos;
        if (!hit) return {};
        return setting_;
    }

    bool explains_failure(const ProcessResult& result) const override {
        return !kills_ && result.err.find("failpoint " + name_) != std::string::npos;
    }

  private:
    void choose(const std::string& command) {
        do {
            name_ = io::failpoint_name(
                static_cast<io::Failpoint>(draw(static_cast<int>(io::Failpoint::count_))));
        } while (!passes(command, name_));
        // Most places are passed once a run; some by every chunk and window.
        const bool often = name_.starts_with("copy_") || name_.starts_with("window_") ||
                           name_.starts_with("table_") || name_ == "capture_installed";
        const int pass = often ? draw_between(1, command == "run" ? 8 : 2) : 1;
        const char* action = kills_ ? "kill" : draw(3) == 0 ? "fail" : "error";
        setting_ = fmt::format("{}={}@{}", name_, action, pass);
    }

    const bool kills_;
    std::string name_;
    std::string setting_;
};

}  // namespace

std::unique_ptr<Fault> make_process_fault(Kind kind, const Field& field) {
    if (kind == Kind::kill) return std::make_unique<Kill>(field);
    return std::make_unique<AtFailpoint>(field, kind == Kind::kill_at_failpoint);
}

}  // namespace pghaul::test::faults
