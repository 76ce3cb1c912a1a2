// Other sessions interfere: an administrator who ends or cancels, an application that locks.
#include <fmt/format.h>

#include <optional>
#include <sstream>
#include <vector>

#include "tests/crash/faults/fault.hpp"

namespace pghaul::test::faults {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// Ends a session of pghaul, chosen by chance among those of the moment.
class EndSession : public Fault {
  public:
    /// role: as in application_name; empty: any.
    EndSession(const Field& field, std::vector<const End*> ends, std::string role, bool cancels)
        : Fault(field), ends_(std::move(ends)), role_(std::move(role)), cancels_(cancels) {}

    std::string strike(ChildProcess&) override {
        const End& end = *ends_[static_cast<std::size_t>(draw(static_cast<int>(ends_.size())))];
        std::vector<std::string> sessions;
        std::istringstream lines(end.sql(fmt::format(
            "select pid || ' ' || application_name from pg_stat_activity where datname = "
            "current_database() and application_name like 'pghaul/{}/{}%' {} order by "
            "backend_start;",
            end.database, role_, cancels_ ? "and state = 'active'" : "")));
        for (std::string line; std::getline(lines, line);) sessions.push_back(line);
        if (sessions.empty()) return {};
        const auto& chosen =
            sessions[static_cast<std::size_t>(draw(static_cast<int>(sessions.size())))];
        const auto blank = chosen.find(' ');
        const char* function = cancels_ ? "pg_cancel_backend" : "pg_terminate_backend";
        if (end.sql(fmt::format("select {}({});", function, chosen.substr(0, blank))) != "t") {
            return {};
        }
        return fmt::format("{} {} on the {}", cancels_ ? "cancelled" : "ended",
                           chosen.substr(blank + 1), name(end));
    }

    bool explains_failure(const ProcessResult& result) const override {
        return cancels_ && result.err.find("57014") != std::string::npos;
    }

  private:
    std::vector<const End*> ends_;
    std::string role_;
    bool cancels_;
};

/// A session of somebody else holds a table for a while.
class LockTable : public Fault {
  public:
    using Fault::Fault;

    std::string strike(ChildProcess&) override {
        if (holder_) return {};
        const End& end = either();
        const auto table = end.sql(
            "select format('public.%I', c.relname) from pg_class c where c.relkind = 'r' and "
            "c.relnamespace = "
            "'public'::regnamespace order by md5(c.relname || '" +
            std::to_string(draw(1000)) + "') limit 1;");
        if (table.empty()) return {};
        try {
            holder_ = std::make_unique<Holder>(
                end.superuser(), "set lock_timeout = '1s'; begin; lock table " + table +
                                     " in access exclusive mode");
        } catch (const io::Error& error) {
            // Somebody else holds it, or it is not there yet.
            if (error.sqlstate() != "55P03" && error.sqlstate() != "42P01") throw;
            return {};
        }
        const std::chrono::milliseconds time(draw_between(100, 6000));
        until_ = SteadyClock::now() + time;
        return fmt::format("locked {} on the {} for {} ms", table, name(end), time.count());
    }
    void tick() override {
        if (holder_ && SteadyClock::now() >= until_) holder_.reset();
    }
    void heal() override { holder_.reset(); }

  private:
    std::unique_ptr<Holder> holder_;
    SteadyClock::time_point until_;
};

}  // namespace

std::unique_ptr<Fault> make_session_fault(Kind kind, const Field& field) {
    const End* source = &field.ends.source;
    const End* target = &field.ends.target;
    const auto end = [&](std::vector<const End*> ends, const std::string& role, bool cancels) {
        return std::make_unique<EndSession>(field, std::move(ends), role, cancels);
    };
    switch (kind) {
        case Kind::source_session:
            return end({source}, "", false);
        case Kind::target_session:
            return end({target}, "", false);
        case Kind::keeper_session:
            return end({source}, "keeper", false);
        case Kind::cancel:
            return end({source, target}, "", true);
        default:
            return std::make_unique<LockTable>(field);
    }
}

}  // namespace pghaul::test::faults
