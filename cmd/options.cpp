#include "cmd/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>

#include "cmd/option_groups.hpp"
#include "cmd/option_values.hpp"
#include "cmd/options_file.hpp"
#include "io/conninfo.hpp"
#include "io/error.hpp"

#ifndef PGHAUL_VERSION
#define PGHAUL_VERSION "unknown"
#endif

namespace pghaul::cmd {
namespace {

using io::Error;
using io::ExitCode;

constexpr const char* kDescription =
    "pghaul moves a PostgreSQL database to another server: any version from 10 on, any platform.\n"
    "One consistent image is copied over many streams in small transactions; a run that was\n"
    "stopped or killed goes on where it was.";

constexpr const char* kFooter =
    "CONNINFO is a libpq URI (postgresql://user@host:5432/db), key=value pairs, or a database "
    "name;\n"
    "PG* variables, .pgpass and service files work. Keep passwords in .pgpass, not in arguments.\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 no-go (something must be put right first; plan says\n"
    "what), 4 run or verify found differences, 75 stopped early, run again (time window, signal, "
    "another run holds the job, server not\n"
    "reachable).\n"
    "\n"
    "Example:\n"
    "  pghaul plan --source postgresql://me@old/shop --target postgresql://me@new/shop\n"
    "  pghaul run --no-capture -j 4 --source postgresql://me@old/shop "
    "--target postgresql://me@new/shop";

/// The job's name: what may stand in application_name, and fits into its 63 bytes with the role.
std::string job_name(const Options& options) {
    std::string name = options.job;
    if (name.empty() && options.source.empty()) return {};
    if (name.empty()) {
        const auto info = io::ConnInfo::parse(options.source);
        name = info.get("dbname");
        if (name.empty() && std::getenv("PGDATABASE") != nullptr) name = std::getenv("PGDATABASE");
        if (name.empty()) name = info.get("user");
        if (name.empty()) name = "default";
        for (auto& c : name) {
            const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
                               c == '.' || c == '-';
            if (!plain) c = '_';
        }
        return name.substr(0, 40);
    }
    const bool fits = name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
                      });
    if (!fits) throw usage("--job takes at most 40 letters, digits, _ . and -");
    return name;
}

void convert(const RawOptions& raw, Options& options) {
    if (raw.chunk_size != "auto") options.chunk_bytes = parse_bytes(raw.chunk_size);
    options.format = raw.format == "binary" ? snapshot::FormatChoice::binary
                     : raw.format == "text" ? snapshot::FormatChoice::text
                                            : snapshot::FormatChoice::automatic;
    options.freeze = raw.freeze != "never";
    if (raw.toast_compression != "default") options.toast_compression = raw.toast_compression;
    options.spool = raw.spool == "always"  ? loader::SpoolMode::always
                    : raw.spool == "never" ? loader::SpoolMode::never
                                           : loader::SpoolMode::automatic;
    if (!raw.spool_size.empty()) options.spool_bytes = parse_bytes(raw.spool_size);
    static const std::map<std::string, Until> kUntils = {{"captured", Until::captured},
                                                         {"copied", Until::copied},
                                                         {"indexed", Until::indexed},
                                                         {"current", Until::current},
                                                         {"verified", Until::verified}};
    options.verify = raw.verify == "full"   ? VerifyMode::full
                     : raw.verify == "none" ? VerifyMode::none
                                            : VerifyMode::readback;
    const auto last = options.verify != VerifyMode::none ? Until::verified
                      : options.no_capture               ? Until::indexed
                                                         : Until::current;
    options.until = raw.until.empty() ? last : kUntils.at(raw.until);
    if (!raw.max_runtime.empty()) options.max_runtime = parse_duration(raw.max_runtime);
    options.max_pause = parse_milliseconds(raw.max_pause);
    options.lock_timeout = parse_milliseconds(raw.lock_timeout);
    if (!raw.stop_at.empty()) {
        options.stop_at = parse_time(raw.stop_at, std::chrono::system_clock::now());
    }
    static const std::map<std::string, ProgressMode> kModes = {{"auto", ProgressMode::automatic},
                                                               {"bar", ProgressMode::bar},
                                                               {"plain", ProgressMode::plain},
                                                               {"json", ProgressMode::json},
                                                               {"none", ProgressMode::none}};
    options.progress = kModes.at(raw.progress);
    options.job = job_name(options);
}

}  // namespace

std::vector<std::string> Options::complaints() const {
    std::vector<std::string> list;
    if (command == Command::run && no_capture &&
        (until == Until::captured || until == Until::current)) {
        list.emplace_back(
            "--until captured and --until current are about changes, which --no-capture leaves "
            "out");
    }
    if (command == Command::run && until == Until::verified && verify == VerifyMode::none) {
        list.emplace_back("--until verified and --verify none exclude each other");
    }
    if ((max_runtime || stop_at) && no_capture && !source_is_quiet) {
        list.emplace_back(
            "--max-runtime and --stop-at with --no-capture need --source-is-quiet: a copy without "
            "capture that stops loses its snapshot and could not go on");
    }
    if (source_is_quiet && !no_capture) {
        list.emplace_back(
            "--source-is-quiet belongs to --no-capture: with capture, changes come along");
    }
    if (command == Command::drop && source.empty() && target.empty()) {
        list.emplace_back("drop needs --target, --source or both");
    }
    if (restart_copy && source_is_quiet) {
        list.emplace_back(
            "--restart-copy and --source-is-quiet exclude each other: the one throws "
            "away what the other keeps");
    }
    if (chunk_bytes && *chunk_bytes < (std::int64_t{1} << 20))
        list.emplace_back("--chunk-size is below 1MB");
    if (spool_bytes && *spool_bytes < (std::int64_t{1} << 20)) {
        list.emplace_back("--spool-size is below 1MB: use --spool=never for no files at all");
    }
    if (repair && sample_percent) {
        list.emplace_back(
            "--repair and --sample exclude each other: a repair must have seen every row");
    }
    if (seed && !sample_percent) list.emplace_back("--seed means nothing without --sample");
    return list;
}

std::optional<std::chrono::system_clock::time_point> Options::deadline(
    std::chrono::system_clock::time_point start) const {
    auto end = stop_at;
    if (max_runtime && (!end || start + *max_runtime < *end)) end = start + *max_runtime;
    return end;
}

std::string Options::effective() const {
    std::string text =
        fmt::format("job {} source {} target {} jobs {} chunk-size {} freeze {} capture {}", job,
                    source.empty() ? "-" : io::ConnInfo::parse(source).display(),
                    target.empty() ? "-" : io::ConnInfo::parse(target).display(), jobs,
                    chunk_bytes ? std::to_string(*chunk_bytes) : "auto", freeze ? "auto" : "never",
                    no_capture ? "off" : "on");
    if (!folder.empty()) text += " folder " + folder;
    if (!source_via.empty()) text += " through agents";
    if (spool != loader::SpoolMode::automatic) {
        text += spool == loader::SpoolMode::always ? " spool always" : " spool never";
    }
    if (source_is_quiet) text += " source-is-quiet";
    if (restart_copy) text += " restart-copy";
    return text;
}

std::optional<Options> parse_options(int argc, const char* const* argv) {
    Options options;
    RawOptions raw;
    CLI::App app(kDescription, "pghaul");
    app.set_version_flag("--version", "pghaul " PGHAUL_VERSION);
    app.footer(kFooter);
    app.require_subcommand(1);

    auto* plan = app.add_subcommand(
        "plan",
        "what would happen: per table its method, chunks, bytes; every hazard with its fix");
    add_common(*plan, options, raw, Server::required);
    add_choice(*plan, options);
    add_copy(*plan, options, raw);
    auto* run = app.add_subcommand("run", "the whole job, resuming whatever exists");
    add_common(*run, options, raw, Server::required);
    add_choice(*run, options);
    add_copy(*run, options, raw);
    add_run(*run, options, raw);
    auto* follow =
        app.add_subcommand("follow", "keep applying the changes that were captured on the source");
    add_common(*follow, options, raw, Server::required);
    add_jobs(*follow, options, "Run");
    follow
        ->add_flag("--until-current", options.until_current, "return when the target is up to date")
        ->group("Run");
    auto* cutover = app.add_subcommand(
        "cutover",
        "lock writers out of the source, apply the last changes, fence it off; --undo lifts the "
        "fence");
    add_common(*cutover, options, raw, Server::required);
    add_jobs(*cutover, options, "Cutover");
    add_cutover(*cutover, options, raw);
    auto* verify = app.add_subcommand(
        "verify", "compare source and target, name the rows that differ; --repair mends them");
    add_common(*verify, options, raw, Server::required);
    add_choice(*verify, options);
    add_verify(*verify, options);
    auto* status = app.add_subcommand("status", "where the job stands");
    add_common(*status, options, raw, Server::optional);
    status->add_flag("--watch", options.watch, "print it again every two seconds")->group("Output");
    auto* report = app.add_subcommand(
        "report",
        "one self-contained HTML page about a job; asks the target, and the source if it is given");
    add_common(*report, options, raw, Server::optional);
    add_output(*report, options);
    auto* drop =
        app.add_subcommand("drop", "remove everything pghaul made on both servers; keep the data");
    add_common(*drop, options, raw, Server::optional, Server::optional);
    add_spool_dir(*drop, options, "Files");
    auto* worker = app.add_subcommand(
        "worker", "join a run from another process or machine: load chunks, build indexes");
    add_common(*worker, options, raw, Server::required);
    add_jobs(*worker, options, "Run");
    add_carrying(*worker, options, raw);
    auto* to_files = app.add_subcommand(
        "export", "write the same consistent image into a folder of compressed, sealed files");
    add_common(*to_files, options, raw, Server::required, Server::absent);
    add_choice(*to_files, options);
    add_export(*to_files, options, raw);
    auto* from_files = app.add_subcommand("import", "load what export has written, anywhere");
    add_common(*from_files, options, raw, Server::absent);
    add_import(*from_files, options, raw);
    // It has no options, so it takes no part in what follows.
    const auto* agent = app.add_subcommand(
        "agent", "reads rows beside the source; started by --source-via, not by hand");
    const std::vector<CLI::App*> all = {plan,   run,  follow, cutover,  verify,    status,
                                        report, drop, worker, to_files, from_files};

    try {
        std::vector<std::string> arguments(argv + 1, argv + argc);
        const auto parse = [&app](std::vector<std::string> list) {
            std::reverse(list.begin(), list.end());  // CLI11 takes them from the back
            app.parse(list);
        };
        // Required options may stand in the file: first parse leniently, only to find the file.
        const auto config = std::find_if(arguments.begin(), arguments.end(), [](const auto& a) {
            return a == "--config" || a.starts_with("--config=");
        });
        if (config == arguments.end()) {
            parse(arguments);
        } else {
            std::vector<CLI::Option*> required;
            for (auto* sub : all) {
                for (auto* option : sub->get_options()) {
                    if (option->get_required() && option->get_positional() == false) {
                        required.push_back(option);
                    }
                }
            }
            for (auto* option : required) option->required(false);
            parse(arguments);
            const auto* command = app.get_subcommands().front();
            arguments = with_config(*command, all, raw.config, arguments);
            options = {};
            app.clear();
            for (auto* option : required) option->required();
            parse(arguments);
        }
    } catch (const CLI::Success& asked) {
        app.exit(asked);
        return std::nullopt;
    } catch (const CLI::ParseError& error) {
        throw usage(error.what());
    }
    const auto* command = app.get_subcommands().front();
    options.command = command == plan         ? Command::plan
                      : command == run        ? Command::run
                      : command == follow     ? Command::follow
                      : command == cutover    ? Command::cutover
                      : command == verify     ? Command::verify
                      : command == status     ? Command::status
                      : command == report     ? Command::report
                      : command == worker     ? Command::worker
                      : command == agent      ? Command::agent
                      : command == to_files   ? Command::export_image
                      : command == from_files ? Command::import_image
                                              : Command::drop;
    convert(raw, options);
    const auto complaints = options.complaints();
    if (!complaints.empty()) {
        std::string text;
        for (const auto& complaint : complaints) text += (text.empty() ? "" : "\n") + complaint;
        throw usage(text);
    }
    return options;
}

}  // namespace pghaul::cmd
