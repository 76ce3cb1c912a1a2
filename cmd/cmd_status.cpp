#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "cmd/commands.hpp"
#include "cmd/format.hpp"
#include "cmd/job_claim.hpp"
#include "cmd/only_job.hpp"
#include "cmd/session.hpp"
#include "loader/spool_folder.hpp"
#include "snapshot/spool_notes.hpp"

namespace pghaul::cmd {
namespace {

using snapshot::JobRecord;
using snapshot::JobTotals;
using snapshot::Journal;

/// A place of files, and what is in it where this host can tell.
struct SpoolState {
    snapshot::SpoolNote note;
    std::string folder;
    std::optional<loader::SpoolFolder::Held> held;
};

std::vector<SpoolState> spools(Journal& journal, const JobRecord& record) {
    std::vector<SpoolState> states;
    for (const auto& note : snapshot::spool_notes(journal.connection(), record.job)) {
        const loader::SpoolFolder folder(note.base, record.job_id);
        states.push_back({note, folder.path(), {}});
        if (note.host == host_name()) states.back().held = folder.held();
    }
    return states;
}

nlohmann::json spools_json(Journal& journal, const JobRecord& record) {
    nlohmann::json all = nlohmann::json::array();
    for (const auto& [note, folder, held] : spools(journal, record)) {
        all.push_back({{"host", note.host},
                       {"folder", folder},
                       {"limit_bytes", note.limit_bytes},
                       {"files", held ? nlohmann::json(held->files) : nlohmann::json()},
                       {"bytes", held ? nlohmann::json(held->bytes) : nlohmann::json()}});
    }
    return all;
}

void print_spools(Journal& journal, const JobRecord& record) {
    for (const auto& [note, folder, held] : spools(journal, record)) {
        const auto limit = human_bytes(static_cast<double>(note.limit_bytes));
        if (!held) {
            fmt::print("spool     up to {} in {} on {}; status there counts it\n", limit,
                       printable(folder), printable(note.host));
        } else {
            fmt::print("spool     {} files, {} of {} at most, in {}\n", held->files,
                       human_bytes(static_cast<double>(held->bytes)), limit, printable(folder));
        }
    }
}

void print_json(const JobRecord& record, const JobTotals& totals, bool running, Journal& journal) {
    nlohmann::json problems = nlohmann::json::array();
    for (const auto& problem : journal.problems()) {
        problems.push_back({{"subject", problem.subject}, {"message", problem.message}});
    }
    nlohmann::json steps = nlohmann::json::object();
    for (const auto& [name, step] : journal.steps()) {
        steps[name] = {{"seconds", step.seconds}, {"finished", step.finished}};
    }
    const nlohmann::json all = {{"job", record.job},
                                {"source", record.source},
                                {"phase", snapshot::name_of(record.phase)},
                                {"running", running},
                                {"runner", record.runner},
                                {"run", record.run},
                                {"created_at", record.created_at},
                                {"finished_at", record.finished_at},
                                {"tables", totals.tables},
                                {"tables_loaded", totals.tables_loaded},
                                {"tables_finished", totals.tables_finished},
                                {"chunks", totals.chunks},
                                {"chunks_loaded", totals.chunks_loaded},
                                {"bytes", totals.bytes},
                                {"bytes_loaded", totals.bytes_loaded},
                                {"rows", totals.rows},
                                {"sent_bytes", totals.sent_bytes},
                                {"snapshots", totals.snapshots},
                                {"first_snapshot_at", totals.first_snapshot_at},
                                {"capture", record.capture},
                                {"changes", record.delta_rows},
                                {"changes_age_seconds", record.delta_age_seconds},
                                {"cut_over", record.cut_over},
                                {"cutover_pause_ms", record.cutover_pause_ms},
                                {"spools", spools_json(journal, record)},
                                {"steps", steps},
                                {"problems", problems}};
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const JobRecord& record, const JobTotals& totals, bool running, Journal& journal) {
    fmt::print("job {} from {}\n", record.job, record.source);
    fmt::print("phase     {}{}\n", snapshot::name_of(record.phase),
               running ? fmt::format(", running (process {})", record.runner) : std::string());
    fmt::print("begun     {}{}\n", record.created_at,
               record.finished_at.empty() ? "" : ", done " + record.finished_at);
    if (totals.tables > 0) {
        fmt::print("tables    {} of {} loaded, {} finished\n", totals.tables_loaded, totals.tables,
                   totals.tables_finished);
        fmt::print("chunks    {} of {} loaded\n", totals.chunks_loaded, totals.chunks);
        fmt::print("data      {} of {}; {} rows, {} sent\n",
                   human_bytes(static_cast<double>(totals.bytes_loaded)),
                   human_bytes(static_cast<double>(totals.bytes)), totals.rows,
                   human_bytes(static_cast<double>(totals.sent_bytes)));
        fmt::print("snapshots {}, the first of {}\n", totals.snapshots, totals.first_snapshot_at);
    }
    if (record.capture && record.delta_age_seconds >= 0) {
        fmt::print("changes   {} applied, the last time {} ago\n", record.delta_rows,
                   human_seconds(record.delta_age_seconds));
    } else if (record.capture) {
        fmt::print("changes   captured, none applied yet\n");
    }
    if (record.cut_over) {
        fmt::print("cutover   done: writers were paused for {} ms; the source is fenced off\n",
                   record.cutover_pause_ms);
    }
    print_spools(journal, record);
    for (const auto& [table, chunks] : journal.partly_loaded()) {
        fmt::print("in part   {}: {}\n", printable(table), chunks);
    }
    for (const auto& problem : journal.problems()) {
        fmt::print("PROBLEM   {}: {}\n", printable(problem.subject), printable(problem.message));
    }
    if (running) return;
    if (record.phase != snapshot::Phase::done) {
        fmt::print("not running; pghaul run goes on from here\n");
    } else if (record.capture && !record.cut_over) {
        fmt::print("not running; pghaul follow applies changes, pghaul cutover ends the job\n");
    }
}

void show_until_done(Options options, const io::Interrupt& interrupt, io::RunProgress& progress) {
    auto journal = open_journal(options, interrupt);
    for (;;) {
        progress.begin_step("status");
        const auto record = journal.find();
        if (!record) {
            throw io::Error("there is no job " + options.job + " in " +
                            journal.connection().server_name())
                .hint("check --target and --job; pghaul run begins a job");
        }
        const auto totals = journal.totals();
        const bool running = journal.is_running();
        if (options.json) {
            print_json(*record, totals, running, journal);
        } else {
            print_text(*record, totals, running, journal);
        }
        std::fflush(stdout);
        if (!options.watch || (record->phase == snapshot::Phase::done && !running)) break;
        progress.begin_step("between two looks");
        interrupt.sleep_ms(2000);
        if (!options.json) fmt::print("\n");
    }
}

}  // namespace

io::ExitCode run_status(const Options& options, io::Interrupt& interrupt) {
    io::RunProgress progress;
    in_session(options, interrupt, progress, options.job, "status only looks: ask again",
               [&] { show_until_done(options, interrupt, progress); });
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
