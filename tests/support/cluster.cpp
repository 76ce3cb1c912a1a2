#include "tests/support/cluster.hpp"

#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/cluster_folder.hpp"

namespace pghaul::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kStartTimeout = std::chrono::seconds(120);  // crash recovery may be part of it
constexpr auto kStopTimeout = std::chrono::seconds(60);
constexpr auto kPollInterval = std::chrono::milliseconds(5);
constexpr int kStartAttempts = 20;

// Below the kernel's range for outgoing connections: a stopped cluster's port stays free for it.
constexpr int kFirstPort = 15000;
constexpr int kLastPort = 32000;

constexpr const char* kDefaultSettings[] = {
    "listen_addresses=127.0.0.1",
    "max_connections=60",
    "fsync=off",
    "log_line_prefix=%m [%p] %a ",
    "log_timezone=UTC",
    // Servers are killed here, machines are not: no page is ever torn.
    "full_page_writes=off",
};
constexpr int kFirstWithoutZeroing = 12;  // before, new WAL files are always filled with zeros

bool port_is_free(int port) {
    const FileDescriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<in_port_t>(port));
    return bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

int find_free_port() {
    static std::mt19937 random{std::random_device{}()};
    std::uniform_int_distribution<int> ports(kFirstPort, kLastPort);
    for (int attempt = 0; attempt < 1000; ++attempt) {
        const int port = ports(random);
        if (port_is_free(port)) return port;
    }
    throw std::runtime_error("no free port for a test cluster");
}

std::string read_file(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream content;
    content << file.rdbuf();
    return content.str();
}

bool has_server(const fs::path& bin) {
    return fs::exists(bin / "postgres") && fs::exists(bin / "initdb");
}

}  // namespace

std::optional<std::string> find_server_bin(int major) {
    const std::string number = std::to_string(major);
    std::vector<fs::path> places;
    if (const char* bin = std::getenv(("PGHAUL_TEST_PGBIN_" + number).c_str())) {
        places.emplace_back(bin);
    }
    places.emplace_back("/usr/lib/postgresql/" + number + "/bin");
    const char* cache = std::getenv("PGHAUL_PG_CACHE");
    places.emplace_back(fs::path(cache != nullptr ? cache : "/var/cache/pghaul-tests") /
                        ("pg" + number) / "bin");
    for (const fs::path& place : places) {
        if (has_server(place)) return place.string();
    }
    return std::nullopt;
}

Cluster::Cluster(Options options) : options_(std::move(options)) {
    const auto bin = find_server_bin(options_.major);
    if (!bin) {
        throw std::runtime_error("no server binaries for PostgreSQL " +
                                 std::to_string(options_.major) + " on this machine");
    }
    bin_dir_ = *bin;
    remove_stale_folders();
    const std::string data_template =
        data_directory_template(bin_dir_, options_.encoding, options_.locale);
    LockedFolder folder = make_locked_folder();
    folder_ = std::move(folder.path);
    folder_lock_ = std::move(folder.lock);
    try {
        socket_dir_ = folder_;
        data_dir_ = make_server_folder(options_.data_root.empty() ? folder_ : options_.data_root,
                                       "pghaul-data-");
        copy_data_directory(data_template, data_dir_);
        write_settings();
        bool started = false;
        for (int attempt = 0; !started && attempt < kStartAttempts; ++attempt) {
            port_ = find_free_port();
            started = try_start();
            // Only a lost race for the port is worth another try.
            if (!started && log().find("could not bind") == std::string::npos) break;
        }
        if (!started) throw std::runtime_error("test cluster did not start:\n" + log());
    } catch (...) {
        remove_folders();
        throw;
    }
}

Cluster::~Cluster() {
    try {
        stop_immediate();
    } catch (const std::exception&) {
        // It is gone or cannot be stopped; a destructor has no one to tell.
    }
    remove_folders();
}

std::string Cluster::conninfo(const std::string& dbname, const std::string& user) const {
    return "host=127.0.0.1 port=" + std::to_string(port_) + " user=" + quote_conninfo(user) +
           " dbname=" + quote_conninfo(dbname);
}

void Cluster::stop_immediate() { stop(SIGQUIT); }

void Cluster::stop_fast() { stop(SIGINT); }

void Cluster::start() {
    if (pid_ != 0 && !wait_for_exit(pid_, std::chrono::milliseconds(0))) {
        throw std::runtime_error("test cluster is already running");
    }
    pid_ = 0;
    if (!try_start()) throw std::runtime_error("test cluster did not start again:\n" + log());
}

void Cluster::restart_immediate() {
    stop_immediate();
    start();
}

std::string Cluster::log() const { return read_file(fs::path(folder_) / "log"); }

void Cluster::write_settings() const {
    std::vector<std::string> settings(std::begin(kDefaultSettings), std::end(kDefaultSettings));
    if (options_.major >= kFirstWithoutZeroing) settings.emplace_back("wal_init_zero=off");
    settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
    std::ofstream file(fs::path(data_dir_) / "postgresql.conf", std::ios::app);
    for (const std::string& setting : settings) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos) {
            throw std::runtime_error("setting without '=': " + setting);
        }
        file << setting.substr(0, equals) << " = '";
        for (const char c : setting.substr(equals + 1)) {
            if (c == '\'') file << '\'';
            file << c;
        }
        file << "'\n";
    }
}

bool Cluster::try_start() {
    const std::string log_path = folder_ + "/log";
    const FileDescriptor log_fd = open_for_append(log_path);
    Environment environment = options_.environment;
    environment["LC_ALL"] = "C";
    pid_ = spawn({.argv = {bin_dir_ + "/postgres", "-D", data_dir_, "-p", std::to_string(port_),
                           "-k", socket_dir_},
                  .extra_env = environment,
                  .stdout_fd = log_fd.get(),
                  .stderr_fd = log_fd.get(),
                  .user = server_user(),
                  .directory = data_dir_,
                  .parent_death_signal = SIGQUIT});
    return wait_until_ready();
}

bool Cluster::wait_until_ready() {
    const auto deadline = Clock::now() + kStartTimeout;
    while (Clock::now() < deadline) {
        if (wait_for_exit(pid_, std::chrono::milliseconds(0))) {
            pid_ = 0;
            return false;
        }
        // First line: the pid, which tells this server's file from one left by a crash. Eighth: the
        // status, from version 10 on.
        std::istringstream file(read_file(fs::path(data_dir_) / "postmaster.pid"));
        std::string line;
        std::getline(file, line);
        if (line == std::to_string(pid_)) {
            for (int skipped = 0; skipped < 7; ++skipped) std::getline(file, line);
            if (line.starts_with("ready")) return true;
        }
        std::this_thread::sleep_for(kPollInterval);
    }
    stop_immediate();
    return false;
}

void Cluster::stop(int signal) {
    if (pid_ == 0) return;
    const pid_t pid = pid_;
    // Not yet reaped, so the pid cannot belong to anyone else.
    ::kill(pid, signal);
    if (wait_for_exit(pid, kStopTimeout)) {
        pid_ = 0;
        return;
    }
    ::kill(pid, SIGKILL);
    wait_for_exit(pid, kStopTimeout);
    pid_ = 0;
    throw std::runtime_error("test cluster did not stop:\n" + log());
}

void Cluster::remove_folders() noexcept {
    std::error_code ignored;
    if (!data_dir_.empty()) fs::remove_all(data_dir_, ignored);
    fs::remove_all(folder_, ignored);
}

void create_database(const Cluster& cluster, const std::string& name, const std::string& extra) {
    psql(cluster.conninfo("postgres"), "create database " + quote_name(name) + " " + extra + ";");
}

}  // namespace pghaul::test
