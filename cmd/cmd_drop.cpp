#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "cmd/commands.hpp"
#include "cmd/export_image.hpp"
#include "cmd/format.hpp"
#include "cmd/only_job.hpp"
#include "cmd/session.hpp"
#include "cmd/spool.hpp"
#include "delta/capture.hpp"
#include "delta/target_guards.hpp"
#include "io/error.hpp"
#include "io/progress.hpp"
#include "loader/foreign_keys.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;

/// What was done: line by line as it happens, or as JSON at the end.
class Report {
  public:
    explicit Report(bool json) : json_(json) {}

    template <typename... Args>
    void add(fmt::format_string<Args...> form, Args&&... args) {
        auto line = fmt::format(form, std::forward<Args>(args)...);
        if (!json_) fmt::print("{}\n", line);
        lines_.push_back(std::move(line));
    }
    void end(const std::string& job) const {
        if (!json_) return;
        const nlohmann::json all = {{"job", job}, {"done", lines_}};
        fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    }

  private:
    bool json_;
    std::vector<std::string> lines_;
};

/// With the target gone there is no lock to hold: a run that is under way shows by its sessions.
void refuse_while_running(Connection& source, const std::string& job) {
    const auto rows = source.query({"sessions_of_job", R"sql(
                                       select a.pid
                                         from pg_catalog.pg_stat_activity as a
                                        where (pg_catalog."left"(a.application_name,
                                                   pg_catalog.length($1::pg_catalog.text)) = $1
                                               or pg_catalog."left"(a.application_name,
                                                   pg_catalog.length($2::pg_catalog.text)) = $2)
                                          and a.datname = pg_catalog.current_database()
                                          and a.pid <> pg_catalog.pg_backend_pid()
                                   )sql"},
                                   {"pghaul/" + job + "/", "pghaul/" + export_sessions(job) + "/"});
    if (rows.rows() == 0) return;
    throw Error(fmt::format("job {} is running: session {} on {}", job, rows.text(0, 0),
                            source.server_name()))
        .exit_code(ExitCode::stopped)
        .hint("stop that pghaul first, then drop");
}

/// The job that is meant: the one named, else the source's only one.
std::string job_on_source(Connection& source, const std::string& job) {
    const auto jobs = delta::jobs_on(source);
    if (jobs.size() == 1 && std::find(jobs.begin(), jobs.end(), job) == jobs.end()) {
        return jobs.front();
    }
    return job;
}

Connection open(const std::string& server, const io::Interrupt& interrupt) {
    return Connection::open(io::ConnInfo::parse(server),
                            {"drop", "drop", "UTF8", std::chrono::seconds(10), {}}, interrupt);
}

/// A job of that name may capture this source for a target that was not named; it must go on.
bool belongs_to_another(Connection& source, const Options& options,
                        const std::optional<snapshot::JobRecord>& record) {
    const auto site = delta::find_site(source, options.job);
    if (!site) return false;
    const auto owner = delta::owner_of(source, *site);
    if (record ? delta::captures_for(owner, record->job_id)
               : owner.target == io::ConnInfo::parse(options.target).display()) {
        return false;
    }
    spdlog::warn(
        "the source {} is captured by another job named {}, for the target {}: that stays\n"
        "HINT: if that one is over: pghaul drop --job {} with only --source",
        source.server_name(), options.job, owner.target, options.job);
    return true;
}

void drop_on_source(Connection& source, const std::string& meant, const io::Interrupt& interrupt,
                    Report& report) {
    const auto removed = delta::remove_all(source, meant, interrupt);
    if (removed.triggers == 0 && removed.objects == 0) {
        report.add("nothing of job {} on the source {}", meant, source.server_name());
        return;
    }
    report.add("removed {} triggers and {} tables and functions of job {} from the source {}{}",
               removed.triggers, removed.objects, meant, source.server_name(),
               removed.schema ? ", and schema pghaul" : "");
    if (removed.fence) report.add("the fence is gone: the source takes writes again");
}

bool is_switched_off(const snapshot::JobRecord& record) {
    return record.capture && !record.cut_over && record.phase >= snapshot::Phase::indexed;
}

/// Catch-up has switched triggers off and taken foreign keys away; cutover would have undone that.
void restore_target(const Options& options, snapshot::Journal& journal,
                    const snapshot::JobRecord& record, Connection& source,
                    const io::Interrupt& interrupt, io::RunProgress& progress, Report& report) {
    if (!is_switched_off(record)) return;
    progress.begin_step("foreign keys");
    constexpr int kStreams = 2;
    const auto plan = journal.read_plan();
    loader::make_foreign_keys(
        plan.foreign_keys, journal,
        [&](const std::string&) { return open(options.target, interrupt); }, kStreams, progress);
    auto target = open(options.target, interrupt);
    loader::comment_foreign_keys(source, target, plan.foreign_keys);
    for (const auto& left : delta::restore_user_triggers(source, target, plan)) {
        spdlog::warn("{} stays switched off: the source has it no more", left);
    }
    for (const auto& problem : journal.problems()) {
        spdlog::warn("{}: {}", problem.subject, problem.message);
    }
    report.add("triggers and foreign keys of the target are as on the source again");
}

void drop_spools(const Options& options, snapshot::Journal& journal,
                 const snapshot::JobRecord& record, Report& report) {
    const auto spools = forget_spools(journal, options, record.job_id);
    for (const auto& folder : spools.removed) report.add("removed the files in {}", folder);
    for (const auto& left : spools.elsewhere) {
        const loader::SpoolFolder folder(left.base, record.job_id);
        spdlog::warn(
            "a run on host {} kept rows in files there, in {}: what it left stays\n"
            "HINT: remove that folder on {} if it is still there",
            printable(left.host), printable(folder.path()), printable(left.host));
    }
}

/// Returns the job that was meant.
std::string drop_from_source_alone(const Options& options, const io::Interrupt& interrupt,
                                   Report& report) {
    auto source = open(options.source, interrupt);
    const auto job = job_on_source(source, options.job);
    refuse_while_running(source, job);
    drop_on_source(source, job, interrupt, report);
    report.add("copied data stays; the target was not named, so its journal stays too");
    return job;
}

/// Returns the job that was meant.
std::string drop_from_target(Options options, const io::Interrupt& interrupt,
                             io::RunProgress& progress, Report& report) {
    const bool named = !options.job.empty();
    auto journal = open_journal(options, interrupt);
    journal.lock();  // a run in progress keeps what it needs
    const auto record = journal.find();
    if (!options.source.empty()) {
        auto source = open(options.source, interrupt);
        if (record) restore_target(options, journal, *record, source, interrupt, progress, report);
        progress.begin_step("capture");
        if (!belongs_to_another(source, options, record)) {
            snapshot::end_leftover_sessions(source, options.job, interrupt);
            drop_on_source(source, options.job, interrupt, report);
        }
    }
    if (!record && journal.exists() && journal.jobs().empty()) {
        // Left by a drop or a run that died between the schema and its only job.
        journal.remove();
        report.add("removed an empty journal from {}", journal.connection().server_name());
        return options.job;
    }
    if (!record) {
        report.add("nothing of {} in {}", named ? "job " + options.job : "pghaul",
                   journal.connection().server_name());
        return options.job;
    }
    drop_spools(options, journal, *record, report);
    progress.begin_step("journal");
    // The journal last: a drop that was cut short finds its job again.
    journal.remove();
    const bool schema_left = journal.exists();
    report.add("removed the journal of job {} (phase {}) from {}{}", options.job,
               snapshot::name_of(record->phase), journal.connection().server_name(),
               schema_left ? "; schema pghaul stays for other jobs" : ", and schema pghaul");
    if (record->capture && options.source.empty()) {
        spdlog::warn(
            "job {} captures changes on the source {}, which was not named: its triggers still "
            "stand there\nHINT: pghaul drop --job {} --source …",
            options.job, record->source, options.job);
        if (is_switched_off(*record)) {
            spdlog::warn(
                "triggers of the target's tables stay switched off and foreign keys may be "
                "missing: "
                "only the source knows them\n"
                "HINT: alter table … enable trigger …; add the foreign keys");
        }
    }
    report.add("copied data stays");
    return options.job;
}

}  // namespace

io::ExitCode run_drop(const Options& options, io::Interrupt& interrupt) {
    io::RunProgress progress;
    in_session(options, interrupt, progress, options.job,
               "what is removed is removed; drop again for the rest", [&] {
                   Report report(options.json);
                   report.end(options.target.empty()
                                  ? drop_from_source_alone(options, interrupt, report)
                                  : drop_from_target(options, interrupt, progress, report));
               });
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
