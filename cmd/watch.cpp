#include "cmd/watch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "cmd/format.hpp"
#include "snapshot/keeper_sql.hpp"

namespace pghaul::cmd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStall{10};
constexpr std::chrono::milliseconds kTick{500};
// 10 s until it is asked + 15 s for an answer: a dead server is named within 30 s.
constexpr std::chrono::seconds kAnswer{15};
// A short copy needs no session that only looks.
constexpr std::chrono::seconds kFirstLook{5};
constexpr std::chrono::seconds kBetweenLooks{1};
constexpr std::chrono::seconds kLookAnswer{3};
constexpr std::chrono::seconds kAfterFailure{30};

void keep_open(std::optional<io::Connection>& connection, const io::ConnInfo& server,
               const std::string& job, const io::Interrupt& interrupt) {
    if (connection && !connection->poisoned()) return;
    connection = io::Connection::open(server, {job, "watch", "UTF8", {}, {}}, interrupt);
}

}  // namespace

Watch::Watch(std::optional<io::ConnInfo> source, std::optional<io::ConnInfo> target,
             std::string job, const io::RunProgress& progress, io::Interrupt& run)
    : source_(std::move(source)),
      target_(std::move(target)),
      job_(std::move(job)),
      progress_(progress),
      run_(run),
      thread_([this](const std::stop_token& stop) { body(stop); }) {}

Watch::~Watch() {
    thread_.request_stop();
    own_.fire();
}

std::vector<std::string> Watch::waits() const {
    const std::lock_guard guard(mutex_);
    return waits_;
}

std::optional<io::Error> Watch::verdict() const {
    const std::lock_guard guard(mutex_);
    return verdict_;
}

std::vector<Limit> Watch::limits() const {
    const std::lock_guard guard(mutex_);
    return shares_;
}

Limits::Sessions Watch::activity(const std::optional<io::ConnInfo>& server,
                                 std::optional<io::Connection>& connection) {
    Limits::Sessions sessions;
    if (!server) return sessions;
    keep_open(connection, *server, job_, own_);
    connection->answer_within(kLookAnswer);
    const auto rows = connection->query(snapshot::kActivity, {"pghaul/" + job_ + "/"});
    for (int row = 0; row < rows.rows(); ++row) {
        sessions.emplace(rows.string(row, 0), printable(rows.string(row, 1)));
    }
    return sessions;
}

/// Nobody needs the answer: a server that has none to give is left alone for a while.
void Watch::look(std::optional<io::Connection>& to_source,
                 std::optional<io::Connection>& to_target) {
    bool work = false;
    progress_.for_each_stream(
        [&](const io::StreamProgress& stream) { work = work || !stream.activity().empty(); });
    const auto now = Clock::now();
    if (work != streams_work_) next_look_ = now + kFirstLook;
    streams_work_ = work;
    if (!work) limits_.clear();
    if (work && now >= next_look_) {
        next_look_ = now + kBetweenLooks;
        try {
            const auto source = activity(source_, to_source);
            limits_.add(source, activity(target_, to_target));
        } catch (const io::Error&) {
            to_source.reset();
            to_target.reset();
            next_look_ = Clock::now() + kAfterFailure;
        }
    }
    if (!work) {
        to_source.reset();
        to_target.reset();
    }
    const std::lock_guard guard(mutex_);
    shares_ = limits_.shares();
}

bool Watch::stalled() {
    std::string seen = progress_.step();
    progress_.for_each_stream([&](const io::StreamProgress& stream) {
        seen += fmt::format("|{}|{}", stream.bytes(), stream.activity());
    });
    if (seen != last_seen_) {
        last_seen_ = std::move(seen);
        moved_at_ = Clock::now();
    }
    return Clock::now() - moved_at_ >= kStall;
}

std::vector<std::string> Watch::ask(const io::ConnInfo& server, const char* side,
                                    std::optional<io::Connection>& connection) {
    keep_open(connection, server, job_, own_);
    connection->answer_within(kAnswer);
    end_forgotten_waits(*connection);
    const auto rows = connection->query(snapshot::kWaits, {"pghaul/" + job_ + "/"});
    std::vector<std::string> lines;
    for (int row = 0; row < rows.rows(); ++row) {
        std::string line =
            fmt::format("{}: {} {}: {}", side, rows.text(row, 0),
                        rows.is_null(row, 1) ? std::string("works on")
                                             : "waits for " + rows.string(row, 1) + " in",
                        rows.text(row, 2));
        if (!rows.is_null(row, 3)) {
            line += fmt::format("; held by pid {} ({}): {}", rows.text(row, 3), rows.text(row, 4),
                                rows.text(row, 5));
        }
        lines.push_back(printable(line));
    }
    return lines;
}

/// We wait for a session, and it waits for us: one of both was not told something. Looked at twice,
/// since what was said may be on its way.
void Watch::end_forgotten_waits(io::Connection& connection) {
    std::vector<io::Wait> waits;
    std::vector<std::string> pids;
    for (auto& wait : io::waits_longer_than(kStall)) {
        if (wait.server != connection.server_name()) continue;
        pids.push_back(std::to_string(wait.backend_pid));
        waits.push_back(std::move(wait));
    }
    std::set<std::string> waiting;
    if (!pids.empty()) {
        const auto rows = connection.query(snapshot::kWaitingForUs, {io::array_literal(pids)});
        for (int row = 0; row < rows.rows(); ++row) waiting.insert(rows.string(row, 0));
    }
    std::vector<io::Wait> suspects;
    for (std::size_t i = 0; i < waits.size(); ++i) {
        if (!waiting.contains(pids[i])) continue;
        const bool again =
            std::find(suspects_.begin(), suspects_.end(), waits[i]) != suspects_.end();
        if (again) {
            io::break_off(waits[i]);
            connection.query(snapshot::kEndForgotten, {pids[i]});
        } else {
            suspects.push_back(waits[i]);
        }
    }
    std::erase_if(suspects_,
                  [&](const auto& wait) { return wait.server == connection.server_name(); });
    suspects_.insert(suspects_.end(), suspects.begin(), suspects.end());
}

void Watch::body(const std::stop_token& stop) {
    std::optional<io::Connection> to_source;
    std::optional<io::Connection> to_target;
    auto next_question = Clock::now();
    while (!stop.stop_requested()) {
        try {
            own_.sleep_ms(static_cast<int>(kTick.count()));
            std::vector<std::string> lines;
            const bool ask_now = stalled();
            if (ask_now && Clock::now() < next_question) continue;
            if (ask_now) {
                if (source_) lines = ask(*source_, "source", to_source);
                if (target_) {
                    for (auto& line : ask(*target_, "target", to_target)) lines.push_back(line);
                }
                next_question = Clock::now() + kStall / 2;
            } else {
                look(to_source, to_target);
            }
            const std::lock_guard guard(mutex_);
            waits_ = std::move(lines);
        } catch (const io::Interrupted&) {
            return;
        } catch (const io::Error& error) {
            // A server that refuses (restarting, no free connection) is the lanes' to retry; one
            // that stays silent holds them for ever.
            const std::lock_guard guard(mutex_);
            waits_ = {printable(error.what())};
            const bool silent =
                std::string_view(error.what()).find("stopped answering") !=
                    std::string_view::npos ||
                std::string_view(error.what()).find("timeout expired") != std::string_view::npos;
            if (!silent) continue;
            verdict_ = error;
            run_.fire();
            return;
        }
    }
}

}  // namespace pghaul::cmd
