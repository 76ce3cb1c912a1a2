// The command line: plain aggregates that say what the user wants. CLI11 binds them; nothing else
// reads argv. Contract: names and exit codes are relied on by scripts and cron jobs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loader/spool_rules.hpp"
#include "snapshot/planner.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {

enum class Command {
    plan,
    run,
    follow,
    cutover,
    verify,
    status,
    report,
    drop,
    worker,
    export_image,
    import_image,
    agent
};
enum class ProgressMode { automatic, bar, plain, json, none };
/// readback: what is loaded is read again with the sums of what was sent; full: rows of both
/// servers are compared too; none: neither, nor are the windows of changes checked.
enum class VerifyMode { readback, full, none };
/// How far a run goes. `current` only with capture.
enum class Until { captured, copied, indexed, current, verified };

struct Options {
    Command command = Command::run;

    std::string source;  // libpq connection string
    std::string target;
    /// run, worker, export: the command that starts an agent beside the source; empty: rows come
    /// directly.
    std::string source_via;
    /// run, worker: of large values on the target; empty: as the server does.
    std::string toast_compression;
    std::string job;  // the source database's name unless given; empty: the target's only one

    std::string folder;  // export, import: where the files are

    snapshot::Selection selection;

    int jobs = 2;                             // streams
    std::optional<std::int64_t> chunk_bytes;  // bytes; empty: the planner's choice
    snapshot::FormatChoice format = snapshot::FormatChoice::automatic;
    bool freeze = true;
    /// run: whether chunks go through files, in which folder (empty: $TMPDIR or /var/tmp), and how
    /// many bytes these may take (empty: see kSpoolBytes in spool.cpp).
    loader::SpoolMode spool = loader::SpoolMode::automatic;
    std::string spool_dir;
    std::optional<std::int64_t> spool_bytes;
    Until until = Until::verified;
    VerifyMode verify = VerifyMode::readback;
    bool no_capture = false;
    bool no_owner = false;
    bool no_privileges = false;
    bool restart_copy = false;
    bool source_is_quiet = false;
    std::optional<std::chrono::seconds> max_runtime;
    std::optional<std::chrono::system_clock::time_point> stop_at;

    std::optional<double> sample_percent;  // verify: of the ranges; empty: all
    std::optional<std::uint64_t> seed;     // verify: which ones; empty: any
    bool repair = false;                   // verify: mend what differs

    ProgressMode progress = ProgressMode::automatic;
    bool json = false;
    bool watch = false;
    std::string output;  // report: the file to write; empty: standard output
    /// follow: return when the target is up to date.
    bool until_current = false;
    /// cutover: lift the fence instead.
    bool undo = false;
    /// cutover: longest time that writers may wait, in all and for one attempt to lock them out.
    std::chrono::milliseconds max_pause{30'000};
    std::chrono::milliseconds lock_timeout{3000};
    /// cutover: where the fence says that the database went; empty: the target as connected.
    std::string moved_to;
    std::string log_file;
    std::string log_level = "info";
    std::string metrics_file;

    /// Everything that is wrong with the combination, one sentence each.
    std::vector<std::string> complaints() const;
    /// When the run must end, if it must.
    std::optional<std::chrono::system_clock::time_point> deadline(
        std::chrono::system_clock::time_point start) const;
    /// One line for the log; passwords taken out.
    std::string effective() const;
};

/// Parses the command line and the file that --config names.
/// Returns empty if help or version was asked for and printed. Throws: io::Error (usage).
std::optional<Options> parse_options(int argc, const char* const* argv);

}  // namespace pghaul::cmd
