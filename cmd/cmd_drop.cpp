#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "cmd/commands.hpp"
#include "cmd/only_job.hpp"
#include "delta/capture.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;

/// With the target gone there is no lock to hold: a run that is under way shows by its sessions.
void refuse_while_running(Connection& source, const std::string& job) {
    const auto rows = source.query({"sessions_of_job", R"sql(
                                       select a.pid
                                         from pg_catalog.pg_stat_activity as a
                                        where pg_catalog."left"(a.application_name,
                                                  pg_catalog.length($1::pg_catalog.text)) = $1
                                          and a.datname = pg_catalog.current_database()
                                          and a.pid <> pg_catalog.pg_backend_pid()
                                   )sql"},
                                   {"pghaul/" + job + "/"});
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

void drop_on_source(const Options& options, const std::string& job, bool locked,
                    const io::Interrupt& interrupt) {
    auto source =
        Connection::open(io::ConnInfo::parse(options.source),
                         {"drop", "drop", "UTF8", std::chrono::seconds(10), {}}, interrupt);
    const auto meant = options.target.empty() ? job_on_source(source, job) : job;
    if (locked) {
        snapshot::end_leftover_sessions(source, meant, interrupt);
    } else {
        refuse_while_running(source, meant);
    }
    const auto removed = delta::remove_all(source, meant, interrupt);
    if (removed.triggers == 0 && removed.objects == 0) {
        fmt::print("nothing of job {} on the source {}\n", meant, source.server_name());
        return;
    }
    fmt::print("removed {} triggers and {} tables and functions of job {} from the source {}{}\n",
               removed.triggers, removed.objects, meant, source.server_name(),
               removed.schema ? ", and schema pghaul" : "");
    if (removed.fence) fmt::print("the fence is gone: the source takes writes again\n");
}

}  // namespace

io::ExitCode run_drop(Options options, io::Interrupt& interrupt) {
    if (options.target.empty()) {
        drop_on_source(options, options.job, false, interrupt);
        fmt::print("copied data stays; the target was not named, so its journal stays too\n");
        return io::ExitCode::done;
    }
    const bool named = !options.job.empty();
    auto journal = open_journal(options, interrupt);
    journal.lock();  // a run in progress keeps what it needs
    const auto record = journal.find();
    if (!options.source.empty()) drop_on_source(options, options.job, true, interrupt);
    if (!record) {
        fmt::print("nothing of {} in {}\n", named ? "job " + options.job : "pghaul",
                   journal.connection().server_name());
        return io::ExitCode::done;
    }
    // The journal last: a drop that was cut short finds its job again.
    journal.remove();
    const bool schema_left = journal.exists();
    fmt::print("removed the journal of job {} (phase {}) from {}{}\n", options.job,
               snapshot::name_of(record->phase), journal.connection().server_name(),
               schema_left ? "; schema pghaul stays for other jobs" : ", and schema pghaul");
    if (record->capture && options.source.empty()) {
        spdlog::warn(
            "job {} captures changes on the source {}, which was not named: its triggers still "
            "stand there\nHINT: pghaul drop --job {} --source …",
            options.job, record->source, options.job);
    }
    fmt::print("copied data stays\n");
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
