#include "loader/dump_tools.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "io/error.hpp"

namespace pghaul::loader {
namespace {

namespace fs = std::filesystem;

// {parent, what the folder's name begins with, where its programs are}
constexpr std::array<std::array<const char*, 3>, 3> kVersionedFolders = {{
    {"/usr/lib/postgresql", "", "bin"},           // Debian, SUSE, Alpine
    {"/usr", "pgsql-", "bin"},                    // Red Hat, from postgresql.org
    {"/opt/homebrew/opt", "postgresql@", "bin"},  // macOS
}};

// As in io::Connection: a peer that has gone is noticed within half a minute.
constexpr std::array<std::pair<const char*, const char*>, 5> kNetworkDefaults = {{
    {"connect_timeout", "10"},
    {"keepalives", "1"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
}};

// Longer than any statement of pg_dump takes without an answer; a connection that passes nothing
// any more shows in no other way.
constexpr std::chrono::minutes kIdle{10};

std::vector<fs::path> folders() {
    std::vector<fs::path> list;
    const char* path = std::getenv("PATH");
    std::istringstream parts(path == nullptr ? "" : path);
    for (std::string part; std::getline(parts, part, ':');) {
        if (!part.empty()) list.emplace_back(part);
    }
    for (const auto& [parent, prefix, bin] : kVersionedFolders) {
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator(parent, ignored)) {
            if (entry.path().filename().string().starts_with(prefix)) {
                list.push_back(entry.path() / bin);
            }
        }
    }
    list.emplace_back("/usr/local/pgsql/bin");
    return list;
}

bool is_script(const fs::path& program) {
    std::ifstream file(program, std::ios::binary);
    std::array<char, 2> magic{};
    file.read(magic.data(), magic.size());
    return magic == std::array<char, 2>{'#', '!'};
}

bool is_program(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

/// 0 if it doesn't say.
int major_of(const fs::path& program, const io::Interrupt& interrupt) {
    const auto output =
        io::run_process({program.string(), "--version"}, {{"LC_ALL", "C"}}, interrupt);
    // "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    const auto at = output.out.find(") ");
    if (output.exit_code != 0 || at == std::string::npos) return 0;
    return std::atoi(output.out.c_str() + at + 2);
}

/// Stops looking when there are programs of the wanted version, the best there can be: Debian's
/// script, which is in every PATH there, takes longer to tell its version than all the others.
std::vector<DumpTools> installed_tools(int wanted_major, const io::Interrupt& interrupt) {
    std::vector<fs::path> programs;
    std::vector<fs::path> scripts;
    for (const auto& folder : folders()) {
        if (!is_program(folder / "pg_dump") || !is_program(folder / "pg_restore")) continue;
        (is_script(folder / "pg_dump") ? scripts : programs).push_back(folder);
    }
    // Scripts last, so that the same version's real program is seen first.
    programs.insert(programs.end(), scripts.begin(), scripts.end());
    std::vector<DumpTools> found;
    for (const auto& folder : programs) {
        const DumpTools tools{(folder / "pg_dump").string(), (folder / "pg_restore").string(),
                              major_of(folder / "pg_dump", interrupt)};
        const bool known = std::any_of(found.begin(), found.end(), [&](const DumpTools& other) {
            return other.major == tools.major;
        });
        // 9.x are several major versions of one first number, and long out of support.
        if (tools.major >= 10 && !known) found.push_back(tools);
        if (tools.major == wanted_major) break;
    }
    return found;
}

std::string describe(const std::vector<DumpTools>& found) {
    std::string text;
    for (const auto& tools : found) {
        text += (text.empty() ? "found only " : ", ") + std::to_string(tools.major) + " (" +
                tools.pg_dump + ")";
    }
    return text.empty() ? "found none" : text;
}

std::string escaped_for_passfile(const std::string& password) {
    std::string text;
    for (const char c : password) {
        if (c == ':' || c == '\\') text += '\\';
        text += c;
    }
    return text;
}

std::string lower_case_start(std::string line) {
    for (const std::string_view marker : {"error: ", "ERROR:  ", "FATAL:  "}) {
        if (const auto at = line.find(marker); at != std::string::npos) {
            line.erase(at, marker.size());
        }
    }
    for (const std::string_view program : {"pg_dump: ", "pg_restore: "}) {
        if (line.starts_with(program)) line.erase(0, program.size());
    }
    return line;
}

/// The first lines that speak of an error, else the first lines.
std::string first_errors(const std::string& err) {
    std::string errors;
    std::string others;
    std::istringstream lines(err);
    int left = 3;
    for (std::string line; left > 0 && std::getline(lines, line);) {
        if (line.empty()) continue;
        const bool is_error = line.find("error:") != std::string::npos ||
                              line.find("FATAL:") != std::string::npos ||
                              line.find("ERROR:") != std::string::npos;
        auto& text = is_error ? errors : others;
        if (text.size() < 1000) text += (text.empty() ? "" : "; ") + lower_case_start(line);
        if (is_error) --left;
    }
    return errors.empty() ? others : errors;
}

io::Error tool_error(const std::string& program, const io::ProcessOutput& output) {
    const std::string text = first_errors(output.err);
    io::Error error(fs::path(program).filename().string() + " failed with exit code " +
                    std::to_string(output.exit_code) + (text.empty() ? "" : ": " + text));
    const auto says = [&](const char* words) {
        return output.err.find(words) != std::string::npos;
    };
    if (says("connection to server") || says("could not connect") || says("server closed the")) {
        error.retryable(true).exit_code(io::ExitCode::stopped);
        error.hint("check that server and the network, then run again");
    } else if (says("version mismatch")) {
        error.exit_code(io::ExitCode::no_go);
        error.hint("install client programs at least as new as the source server");
    } else if (says("permission denied")) {
        error.hint("grant the missing right to the role pghaul connects as, then run again");
    } else if (says("no matching tables") || says("no matching schemas")) {
        error.exit_code(io::ExitCode::usage).hint("correct the patterns of -n and -t");
    } else if (output.exit_code > 128) {
        error.hint("a signal ended it; look for the kernel's out-of-memory messages");
    }
    return error;
}

}  // namespace

DumpTools pick_dump_tools(const std::vector<DumpTools>& found, int source_major, int target_major) {
    const DumpTools* best = nullptr;
    for (const auto& tools : found) {
        if (tools.major < source_major) continue;
        const bool fits = tools.major <= target_major;
        const bool best_fits = best != nullptr && best->major <= target_major;
        const bool better = best == nullptr || (fits && !best_fits) ||
                            (fits && best_fits && tools.major > best->major) ||
                            (!fits && !best_fits && tools.major < best->major);
        if (better) best = &tools;
    }
    if (best == nullptr) {
        const std::string best_major = std::to_string(std::max(source_major, target_major));
        throw io::Error("needs pg_dump and pg_restore of version " + std::to_string(source_major) +
                        " or newer, " + describe(found))
            .hint("install the package postgresql-client-" + best_major + " (or postgresql" +
                  best_major + ")")
            .exit_code(io::ExitCode::no_go);
    }
    return *best;
}

DumpTools find_dump_tools(int source_major, int target_major, const io::Interrupt& interrupt) {
    const int best = std::max(source_major, target_major);
    return pick_dump_tools(installed_tools(best, interrupt), source_major, target_major);
}

ToolLogin::ToolLogin(io::ConnInfo server, const std::string& job) {
    for (const auto& [keyword, value] : kNetworkDefaults) server.set_default(keyword, value);
    server.set("application_name", "pghaul/" + job + "/schema");
    server.set("client_encoding", "");
    if (const auto password = server.get("password"); !password.empty()) {
        server.set("passfile",
                   files_.write("passfile", "*:*:*:*:" + escaped_for_passfile(password) + "\n"));
        // It would win over the file.
        env_["PGPASSWORD"] = "";
    }
    if (const auto secret = server.get("sslpassword");
        !secret.empty() && server.get("service").empty()) {
        // A service file is the only other way to hand it over.
        env_["PGSERVICEFILE"] = files_.write("service", "[pghaul]\nsslpassword=" + secret + "\n");
        server.set("service", "pghaul");
    }
    conninfo_ = server.text_without_password();
}

io::ProcessOutput run_tool(const std::vector<std::string>& argv,
                           const std::map<std::string, std::string>& env,
                           const io::Interrupt& interrupt) {
    auto environment = env;
    environment["LC_ALL"] = "C";
    auto output = io::run_process(argv, environment, interrupt, kIdle);
    if (output.exit_code != 0) throw tool_error(argv.at(0), output);
    return output;
}

}  // namespace pghaul::loader
