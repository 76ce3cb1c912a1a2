// The options by groups, as help shows them, and the strings in which CLI11 leaves those that are
// more than strings; options.cpp turns these into Options.
#pragma once

#include <string>

#include "cmd/options.hpp"

namespace CLI {
class App;
}

namespace pghaul::cmd {

/// Strings as CLI11 binds them, turned into Options once all are known.
struct RawOptions {
    std::string chunk_size = "auto";
    std::string format = "auto";
    std::string freeze = "auto";
    std::string spool = "auto";
    std::string spool_size;
    std::string toast_compression = "default";
    std::string until;
    std::string verify = "readback";
    std::string max_runtime;
    std::string max_pause = "30s";
    std::string lock_timeout = "3s";
    std::string stop_at;
    std::string progress = "auto";
    std::string config;
};

/// What a command does with a server.
enum class Server { required, optional, absent };

/// Servers, job, configuration file and output: of every command.
void add_common(CLI::App& app, Options& options, RawOptions& raw, Server source,
                Server target = Server::required);
void add_choice(CLI::App& app, Options& options);
void add_jobs(CLI::App& app, Options& options, const char* group);
void add_copy(CLI::App& app, Options& options, RawOptions& raw);
/// How the rows come, and until when: of whatever carries rows.
void add_carrying(CLI::App& app, Options& options, RawOptions& raw);
void add_export(CLI::App& app, Options& options, RawOptions& raw);
void add_import(CLI::App& app, Options& options, RawOptions& raw);
void add_run(CLI::App& app, Options& options, RawOptions& raw);
void add_spool_dir(CLI::App& app, Options& options, const char* group);
void add_cutover(CLI::App& app, Options& options, RawOptions& raw);
void add_verify(CLI::App& app, Options& options);
void add_output(CLI::App& app, Options& options);

}  // namespace pghaul::cmd
