#include "cmd/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <ctime>
#include <iostream>
#include <map>
#include <regex>

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
    "pghaul moves a PostgreSQL database to another server: any version, any platform.\n"
    "One consistent image is copied over many streams in small transactions; a run that was\n"
    "stopped or killed goes on where it was.";

constexpr const char* kFooter =
    "CONNINFO is a libpq URI (postgresql://user@host:5432/db), key=value pairs, or a database "
    "name;\n"
    "PG* variables, .pgpass and service files work. Keep passwords in .pgpass, not in arguments.\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 plan says no-go, 4 verify found differences,\n"
    "75 stopped early, run again (time window, signal, another run holds the job, server not\n"
    "reachable).\n"
    "\n"
    "Example:\n"
    "  pghaul plan --source postgresql://me@old/shop --target postgresql://me@new/shop\n"
    "  pghaul run --no-capture -j 4 --source postgresql://me@old/shop "
    "--target postgresql://me@new/shop";

/// A connection string in the wrong place must not bring its password onto a screen or into a log.
std::string without_passwords(const std::string& text) {
    static const std::regex in_uri(R"((://[^/\s:@]*):\S*@)");
    static const std::regex in_pairs(R"((password\s*=\s*)('(\\.|[^'\\])*'?|[^\s&]+))",
                                     std::regex::icase);
    return std::regex_replace(std::regex_replace(text, in_uri, "$1@"), in_pairs, "$1...");
}

Error usage(const std::string& message) {
    return Error(without_passwords(message)).exit_code(ExitCode::usage).hint("see pghaul --help");
}

/// Strings as CLI11 binds them, turned into Options once all are known.
struct Raw {
    std::string chunk_size = "auto";
    std::string format = "auto";
    std::string freeze = "auto";
    std::string until;
    std::string verify = "readback";
    std::string max_runtime;
    std::string max_pause = "30s";
    std::string lock_timeout = "3s";
    std::string stop_at;
    std::string progress = "auto";
    std::string config;
};

void add_common(CLI::App& app, Options& options, Raw& raw, bool needs_source,
                bool needs_target = true) {
    auto* source = app.add_option("--source", options.source, "the database to copy from")
                       ->type_name("CONNINFO")
                       ->group("Servers");
    if (needs_source) source->required();
    auto* target = app.add_option("--target", options.target, "the database to copy to")
                       ->type_name("CONNINFO")
                       ->group("Servers");
    if (needs_target) target->required();
    app.add_option("--job", options.job,
                   "name of the job (default: the source database's name); letters, digits, _ . -")
        ->type_name("NAME")
        ->group("Servers");
    app.add_option("--config", raw.config, "read options from a TOML file; same names, without --")
        ->type_name("FILE")
        ->group("Servers");
    app.add_option("--log-file", options.log_file, "write the log there as well")
        ->type_name("FILE")
        ->group("Output");
    app.add_option("--log-level", options.log_level, "debug, info, warn or error")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
        ->capture_default_str()
        ->group("Output");
    app.add_flag("--json", options.json, "results as JSON on standard output")->group("Output");
}

void add_choice(CLI::App& app, Options& options) {
    auto& selection = options.selection;
    app.add_option("-n,--schema", selection.schemas, "only these schemas; pg_dump's patterns")
        ->type_name("PATTERN")
        ->allow_extra_args(false)
        ->group("Choice of tables");
    app.add_option("-N,--exclude-schema", selection.exclude_schemas, "not these schemas")
        ->type_name("PATTERN")
        ->allow_extra_args(false)
        ->group("Choice of tables");
    app.add_option("-t,--table", selection.tables, "only these tables; overrules -n and -N")
        ->type_name("PATTERN")
        ->allow_extra_args(false)
        ->group("Choice of tables");
    app.add_option("-T,--exclude-table", selection.exclude_tables, "not these tables")
        ->type_name("PATTERN")
        ->allow_extra_args(false)
        ->group("Choice of tables");
}

void add_jobs(CLI::App& app, Options& options, const char* group) {
    app.add_option("-j,--jobs", options.jobs, "streams in all; each uses one connection per server")
        ->type_name("N")
        ->check(CLI::Range(1, 256))
        ->capture_default_str()
        ->group(group);
}

void add_display(CLI::App& app, Options& options, Raw& raw) {
    app.add_option("--progress", raw.progress, "how progress is shown on standard error")
        ->check(CLI::IsMember({"auto", "bar", "plain", "json", "none"}))
        ->capture_default_str()
        ->group("Output");
    app.add_option("--metrics-file", options.metrics_file,
                   "keep figures there in Prometheus' text format; replaced atomically")
        ->type_name("FILE")
        ->group("Output");
}

void add_copy(CLI::App& app, Options& options, Raw& raw) {
    add_jobs(app, options, "Copy");
    app.add_option(
           "--chunk-size", raw.chunk_size,
           "cut tables larger than this; auto: a 192nd of all tables' bytes, but 16MB to 256MB")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group("Copy");
    app.add_option("--format", raw.format,
                   "how rows travel: auto picks binary where it is safe for a table's types")
        ->check(CLI::IsMember({"auto", "binary", "text"}))
        ->capture_default_str()
        ->group("Copy");
    app.add_option("--freeze", raw.freeze,
                   "auto: rows of tables that one stream loads need no vacuum later")
        ->check(CLI::IsMember({"auto", "never"}))
        ->capture_default_str()
        ->group("Copy");
    app.add_flag(
           "--no-capture", options.no_capture,
           "nothing is written to the source: no triggers; changes made after the snapshot do "
           "not come along")
        ->group("Copy");
    app.add_flag("--no-owner", options.no_owner, "do not set owners, as pg_dump")->group("Copy");
    app.add_flag("--no-privileges", options.no_privileges, "leave out grants, as pg_dump")
        ->group("Copy");
}

void add_run(CLI::App& app, Options& options, Raw& raw) {
    app.add_option("--source-via", options.source_via,
                   "bring the rows compressed, through agents that COMMAND starts beside the "
                   "source: 'ssh dbhost pghaul agent'")
        ->type_name("COMMAND")
        ->group("Run");
    app.add_option("--until", raw.until,
                   "how far to go: captured (triggers only), copied (rows only), indexed (all but "
                   "later changes), current (those too) or verified (every table proven); default: "
                   "verified, with --verify none current, or indexed with --no-capture")
        ->check(CLI::IsMember({"captured", "copied", "indexed", "current", "verified"}))
        ->group("Run");
    app.add_option("--verify", raw.verify,
                   "readback: what is loaded is read again and must have the sums of what was "
                   "sent; full: rows of both servers are compared too; none: neither. Unless none, "
                   "the rows of every later change are checked as they are applied")
        ->check(CLI::IsMember({"readback", "full", "none"}))
        ->capture_default_str()
        ->group("Run");
    app.add_option("--max-runtime", raw.max_runtime,
                   "end tidily after this time (8h, 90m); the next run goes on")
        ->type_name("D")
        ->group("Run");
    app.add_option("--stop-at", raw.stop_at, "end tidily at this local time (06:00)")
        ->type_name("TIME")
        ->group("Run");
    app.add_flag("--source-is-quiet", options.source_is_quiet,
                 "I vouch that nothing changes on the source between runs, so a copy may go on "
                 "with a new snapshot")
        ->group("Run");
    app.add_flag("--restart-copy", options.restart_copy,
                 "throw away what an unfinished copy has loaded and start again")
        ->group("Run");
    add_display(app, options, raw);
}

void add_cutover(CLI::App& app, Options& options, Raw& raw) {
    app.add_flag("--undo", options.undo, "lift the fence: the source takes writes again")
        ->group("Cutover");
    app.add_option("--max-pause", raw.max_pause,
                   "longest time that writers may wait; beyond it everything is taken back")
        ->type_name("D")
        ->capture_default_str()
        ->group("Cutover");
    app.add_option("--lock-timeout", raw.lock_timeout,
                   "how long one attempt to lock writers out may take; several are made")
        ->type_name("D")
        ->capture_default_str()
        ->group("Cutover");
    app.add_option("--moved-to", options.moved_to,
                   "what refused writers are told to connect to (default: the target's "
                   "host:port/database)")
        ->type_name("TEXT")
        ->group("Cutover");
}

void add_verify(CLI::App& app, Options& options, Raw& raw) {
    add_jobs(app, options, "Verify");
    app.add_option("--sample", options.sample_percent,
                   "compare only about so many percent of the key ranges, chosen at random")
        ->type_name("PERCENT")
        ->check(CLI::Range(0.0, 100.0))
        ->group("Verify");
    app.add_option("--seed", options.seed, "choose the ranges that a sample with this seed chose")
        ->type_name("N")
        ->group("Verify");
    app.add_flag("--repair", options.repair,
                 "make the target's differing rows, sequences and large objects as the source's, "
                 "then compare them again")
        ->group("Verify");
    add_display(app, options, raw);
}

/// Options of the configuration file that the command knows and the command line does not give,
/// appended as arguments: the command line wins.
std::vector<std::string> with_config(const CLI::App& command, const std::vector<CLI::App*>& all,
                                     const std::string& file, std::vector<std::string> arguments) {
    std::vector<CLI::ConfigItem> items;
    try {
        items = CLI::ConfigTOML().from_file(file);
    } catch (const CLI::Error& error) {
        throw usage("configuration file " + file + ": " + error.what());
    }
    for (const auto& item : items) {
        const std::string name = "--" + item.name;
        const bool known = std::any_of(all.begin(), all.end(), [&](const CLI::App* app) {
            return app->get_option_no_throw(name) != nullptr;
        });
        if (!item.parents.empty()) {
            throw usage("configuration file " + file + ": [" + item.parents.front() +
                        "]: options stand without sections and apply to every command that "
                        "has them");
        }
        if (!known || item.name == "config") {
            throw usage("configuration file " + file + ": unknown option " + item.name);
        }
        const auto* option = command.get_option_no_throw(name);
        if (option == nullptr || option->count() > 0) continue;
        if (option->get_expected_max() == 0) {
            if (item.inputs != std::vector<std::string>{"true"} &&
                item.inputs != std::vector<std::string>{"false"}) {
                throw usage("configuration file " + file + ": " + item.name +
                            " is either true or false");
            }
            if (item.inputs.front() == "true") arguments.push_back(name);
            continue;
        }
        for (const auto& value : item.inputs) {
            arguments.push_back(name);
            arguments.push_back(value);
        }
    }
    return arguments;
}

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

/// As parse_duration, with ms: 500ms, 2s.
std::chrono::milliseconds parse_milliseconds(const std::string& text) {
    if (!text.ends_with("ms")) return parse_duration(text);
    const auto number = text.substr(0, text.size() - 2);
    if (number.empty() || number.size() > 9 ||
        number.find_first_not_of("0123456789") != number.npos || std::stol(number) == 0) {
        throw usage("not a duration: " + text + " (write 500ms, 2s)");
    }
    return std::chrono::milliseconds(std::stol(number));
}

void convert(const Raw& raw, Options& options) {
    if (raw.chunk_size != "auto") options.chunk_bytes = parse_bytes(raw.chunk_size);
    options.format = raw.format == "binary" ? snapshot::FormatChoice::binary
                     : raw.format == "text" ? snapshot::FormatChoice::text
                                            : snapshot::FormatChoice::automatic;
    options.freeze = raw.freeze != "never";
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
                    io::ConnInfo::parse(target).display(), jobs,
                    chunk_bytes ? std::to_string(*chunk_bytes) : "auto", freeze ? "auto" : "never",
                    no_capture ? "off" : "on");
    if (!source_via.empty()) text += " through agents";
    if (source_is_quiet) text += " source-is-quiet";
    if (restart_copy) text += " restart-copy";
    return text;
}

std::int64_t parse_bytes(const std::string& text) {
    std::size_t used = 0;
    double number = 0;
    try {
        number = std::stod(text, &used);
    } catch (const std::exception&) {
        used = 0;
    }
    std::string unit = text.substr(used);
    std::transform(unit.begin(), unit.end(), unit.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    static const std::map<std::string, int> kShifts = {{"", 0},   {"b", 0},   {"k", 10}, {"kb", 10},
                                                       {"m", 20}, {"mb", 20}, {"g", 30}, {"gb", 30},
                                                       {"t", 40}, {"tb", 40}};
    const auto shift = kShifts.find(unit);
    const bool begins_well = !text.empty() && text.front() >= '0' && text.front() <= '9';
    const double bytes = shift == kShifts.end() ? -1 : std::ldexp(number, shift->second);
    if (!begins_well || !(bytes >= 0) || bytes > 1e18) {
        throw usage("not a size: " + text + " (write 256MB, 1GB)");
    }
    return static_cast<std::int64_t>(bytes);
}

std::chrono::seconds parse_duration(const std::string& text) {
    std::int64_t total = 0;
    std::int64_t number = -1;
    for (const char c : text) {
        if (c >= '0' && c <= '9') {
            number = std::max<std::int64_t>(number, 0) * 10 + (c - '0');
            if (number > 100'000'000) break;
            continue;
        }
        const std::int64_t unit = c == 'd'   ? 86400
                                  : c == 'h' ? 3600
                                  : c == 'm' ? 60
                                  : c == 's' ? 1
                                             : 0;
        if (unit == 0 || number < 0) throw usage("not a duration: " + text + " (write 8h, 90m)");
        total += number * unit;
        number = -1;
    }
    if (number >= 0) total += number;
    if (total <= 0 || total > 100'000'000) {
        throw usage("not a duration: " + text + " (write 8h, 90m)");
    }
    return std::chrono::seconds(total);
}

std::chrono::system_clock::time_point parse_time(const std::string& text,
                                                 std::chrono::system_clock::time_point now) {
    const std::time_t now_t = std::chrono::system_clock::to_time_t(now);
    std::tm when{};
    ::localtime_r(&now_t, &when);
    const char* end = nullptr;
    const bool full = text.find('-') != std::string::npos;
    when.tm_sec = 0;
    if (full) {
        end = ::strptime(text.c_str(),
                         text.find('T') != std::string::npos ? "%Y-%m-%dT%H:%M" : "%Y-%m-%d %H:%M",
                         &when);
    } else {
        end = ::strptime(text.c_str(), "%H:%M", &when);
    }
    if (end == nullptr || *end != '\0') {
        throw usage("not a time: " + text + " (write 06:00 or '2026-11-24 06:00')");
    }
    when.tm_isdst = -1;
    const int day = when.tm_mday;
    std::time_t at = std::mktime(&when);
    // mktime would take 30 February for 2 March.
    if (when.tm_mday != day) throw usage("there is no such day: " + text);
    if (!full && at <= now_t) {
        ++when.tm_mday;
        when.tm_isdst = -1;
        at = std::mktime(&when);
    }
    if (at <= now_t) throw usage("that time is over: " + text);
    return std::chrono::system_clock::from_time_t(at);
}

std::optional<Options> parse_options(int argc, const char* const* argv) {
    Options options;
    Raw raw;
    CLI::App app(kDescription, "pghaul");
    app.set_version_flag("--version", "pghaul " PGHAUL_VERSION);
    app.footer(kFooter);
    app.require_subcommand(1);

    auto* plan = app.add_subcommand(
        "plan",
        "what would happen: per table its method, chunks, bytes; every hazard with its fix");
    add_common(*plan, options, raw, true);
    add_choice(*plan, options);
    add_copy(*plan, options, raw);
    auto* run = app.add_subcommand("run", "the whole job, resuming whatever exists");
    add_common(*run, options, raw, true);
    add_choice(*run, options);
    add_copy(*run, options, raw);
    add_run(*run, options, raw);
    auto* follow =
        app.add_subcommand("follow", "keep applying the changes that were captured on the source");
    add_common(*follow, options, raw, true);
    add_display(*follow, options, raw);
    add_jobs(*follow, options, "Run");
    follow
        ->add_flag("--until-current", options.until_current, "return when the target is up to date")
        ->group("Run");
    auto* cutover = app.add_subcommand(
        "cutover",
        "lock writers out of the source, apply the last changes, fence it off; --undo lifts the "
        "fence");
    add_common(*cutover, options, raw, true);
    add_display(*cutover, options, raw);
    add_jobs(*cutover, options, "Cutover");
    add_cutover(*cutover, options, raw);
    auto* verify = app.add_subcommand(
        "verify", "compare source and target, name the rows that differ; --repair mends them");
    add_common(*verify, options, raw, true);
    add_choice(*verify, options);
    add_verify(*verify, options, raw);
    auto* status = app.add_subcommand("status", "where the job stands");
    add_common(*status, options, raw, false);
    status->add_flag("--watch", options.watch, "print it again every two seconds")->group("Output");
    auto* drop =
        app.add_subcommand("drop", "remove everything pghaul made on both servers; keep the data");
    add_common(*drop, options, raw, false, false);
    // It has no options, so it takes no part in what follows.
    const auto* agent = app.add_subcommand(
        "agent", "reads rows beside the source; started by --source-via, not by hand");
    const std::vector<CLI::App*> all = {plan, run, follow, cutover, verify, status, drop};

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
            for (auto* sub : all) {
                for (const auto* name : {"--source", "--target"})
                    sub->get_option(name)->required(false);
            }
            parse(arguments);
            const auto* command = app.get_subcommands().front();
            arguments = with_config(*command, all, raw.config, arguments);
            options = {};
            app.clear();
            for (auto* sub : all) {
                if (sub != drop) sub->get_option("--target")->required();
                if (sub != status && sub != drop) sub->get_option("--source")->required();
            }
            parse(arguments);
        }
    } catch (const CLI::Success& asked) {
        app.exit(asked);
        return std::nullopt;
    } catch (const CLI::ParseError& error) {
        throw usage(error.what());
    }
    const auto* command = app.get_subcommands().front();
    options.command = command == plan      ? Command::plan
                      : command == run     ? Command::run
                      : command == follow  ? Command::follow
                      : command == cutover ? Command::cutover
                      : command == verify  ? Command::verify
                      : command == status  ? Command::status
                      : command == agent   ? Command::agent
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
