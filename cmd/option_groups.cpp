#include "cmd/option_groups.hpp"

#include <CLI/CLI.hpp>

namespace pghaul::cmd {

namespace {

void add_server(CLI::App& app, const char* name, std::string& value, const char* help, Server use) {
    if (use == Server::absent) return;
    app.add_option(name, value, help)
        ->type_name("CONNINFO")
        ->group("Servers")
        ->required(use == Server::required);
}

void add_folder(CLI::App& app, Options& options, const char* help) {
    app.add_option("DIR", options.folder, help)->required()->type_name("");
}

void add_chunk_size(CLI::App& app, RawOptions& raw) {
    app.add_option("--chunk-size", raw.chunk_size,
                   "cut tables larger than this, and what is more than a stream's share of all "
                   "(from 64MB on); "
                   "auto: a 192nd of all tables' bytes, but 16MB to 256MB")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group("Copy");
}

void add_no_capture(CLI::App& app, Options& options) {
    app.add_flag(
           "--no-capture", options.no_capture,
           "nothing is written to the source: no triggers; changes made after the snapshot do "
           "not come along")
        ->group("Copy");
}

void add_source_via(CLI::App& app, Options& options, const char* group) {
    app.add_option("--source-via", options.source_via,
                   "bring the rows compressed, through agents that COMMAND starts beside the "
                   "source: 'ssh dbhost pghaul agent'")
        ->type_name("COMMAND")
        ->group(group);
}

void add_time_window(CLI::App& app, RawOptions& raw, const char* group) {
    app.add_option("--max-runtime", raw.max_runtime,
                   "end tidily after this time (8h, 90m); the next run goes on")
        ->type_name("D")
        ->group(group);
    app.add_option("--stop-at", raw.stop_at, "end tidily at this local time (06:00)")
        ->type_name("TIME")
        ->group(group);
}

void add_owners(CLI::App& app, Options& options) {
    app.add_flag("--no-owner", options.no_owner, "do not set owners, as pg_dump")->group("Copy");
    app.add_flag("--no-privileges", options.no_privileges, "leave out grants, as pg_dump")
        ->group("Copy");
}

}  // namespace

void add_common(CLI::App& app, Options& options, RawOptions& raw, Server source, Server target) {
    add_server(app, "--source", options.source, "the database to copy from", source);
    add_server(app, "--target", options.target, "the database to copy to", target);
    app.add_option(
           "--job", options.job,
           "name of the job (default: the source database's name; without --source the target's "
           "only job, or the export's); letters, digits, _ . -")
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
    app.add_option("--progress", raw.progress, "how progress is shown on standard error")
        ->check(CLI::IsMember({"auto", "bar", "plain", "json", "none"}))
        ->capture_default_str()
        ->group("Output");
    app.add_option("--metrics-file", options.metrics_file,
                   "keep figures there in Prometheus' text format; replaced atomically")
        ->type_name("FILE")
        ->group("Output");
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

void add_copy(CLI::App& app, Options& options, RawOptions& raw) {
    add_jobs(app, options, "Copy");
    add_chunk_size(app, raw);
    app.add_option("--format", raw.format,
                   "how rows travel: auto picks binary where it is safe for a table's types")
        ->check(CLI::IsMember({"auto", "binary", "text"}))
        ->capture_default_str()
        ->group("Copy");
    app.add_option(
           "--freeze", raw.freeze,
           "auto: rows of tables above 1MB that are loaded as one chunk need no vacuum later")
        ->check(CLI::IsMember({"auto", "never"}))
        ->capture_default_str()
        ->group("Copy");
    add_no_capture(app, options);
    add_owners(app, options);
}

void add_export(CLI::App& app, Options& options, RawOptions& raw) {
    add_folder(app, options, "the folder to fill: new, empty, or of an export that was cut short");
    add_jobs(app, options, "Copy");
    add_chunk_size(app, raw);
    add_no_capture(app, options);
    add_source_via(app, options, "Copy");
    add_time_window(app, raw, "Copy");
    app.add_flag("--source-is-quiet", options.source_is_quiet,
                 "I vouch that nothing changes on the source between runs, so files of an earlier "
                 "run are kept although its snapshot is gone")
        ->group("Copy");
}

void add_import(CLI::App& app, Options& options, RawOptions& raw) {
    add_folder(app, options, "the folder that pghaul export has filled");
    add_jobs(app, options, "Copy");
    add_owners(app, options);
    app.add_option("--verify", raw.verify,
                   "readback: what is loaded is read again and must have the sums of what was "
                   "sent; none: not")
        ->check(CLI::IsMember({"readback", "none"}))
        ->capture_default_str()
        ->group("Copy");
    add_time_window(app, raw, "Copy");
}

void add_carrying(CLI::App& app, Options& options, RawOptions& raw) {
    add_source_via(app, options, "Run");
    app.add_option("--toast-compression", raw.toast_compression,
                   "how the target compresses large values of the copy; lz4 costs it less CPU than "
                   "pglz (PostgreSQL 14); later rows follow the server's own setting")
        ->check(CLI::IsMember({"default", "pglz", "lz4"}))
        ->capture_default_str()
        ->group("Run");
    add_time_window(app, raw, "Run");
}

void add_run(CLI::App& app, Options& options, RawOptions& raw) {
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
    add_carrying(app, options, raw);
    app.add_option("--spool", raw.spool,
                   "auto: while the target falls behind, rows go into files first (lz4, with "
                   "checksums), so that the source is read and its snapshot let go at its own "
                   "speed; always: all do, but for small tables and large objects; never")
        ->check(CLI::IsMember({"auto", "always", "never"}))
        ->capture_default_str()
        ->group("Run");
    add_spool_dir(app, options, "Run");
    app.add_option("--spool-size", raw.spool_size,
                   "what these files may take; when it is full, the source waits (default: 10GB, "
                   "or half of what is free there)")
        ->type_name("BYTES")
        ->group("Run");
    app.add_flag("--source-is-quiet", options.source_is_quiet,
                 "I vouch that nothing changes on the source between runs, so a copy may go on "
                 "with a new snapshot")
        ->group("Run");
    app.add_flag("--restart-copy", options.restart_copy,
                 "throw away what an unfinished copy has loaded and start again")
        ->group("Run");
}

void add_spool_dir(CLI::App& app, Options& options, const char* group) {
    app.add_option("--spool-dir", options.spool_dir,
                   "where the folder of the spool's files is made (default: $TMPDIR or /var/tmp)")
        ->type_name("DIR")
        ->group(group);
}

void add_cutover(CLI::App& app, Options& options, RawOptions& raw) {
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

void add_verify(CLI::App& app, Options& options) {
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
}

void add_output(CLI::App& app, Options& options) {
    app.add_option("--output", options.output,
                   "write it there (mode 0600, replaced atomically) instead of to standard output")
        ->type_name("FILE")
        ->group("Output");
}

}  // namespace pghaul::cmd
