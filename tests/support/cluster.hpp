// Throwaway PostgreSQL servers for tests: real ones, on a free port, gone with the object.
//
// A cluster owns its postmaster (a direct child), its data directory and its socket directory. It
// runs as `postgres` (or `nobody`) when the test runs as root. The postmaster gets SIGQUIT when the
// test is killed; folders left behind that way are removed by the next test that starts a cluster.
// Not for production-like settings: fsync and full_page_writes are off unless `settings` says
// otherwise.
// Thread: one thread per object, the one that constructed or started it must outlive it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/psql.hpp"

namespace pghaul::test {

/// The folder with `initdb` and `postgres` of that major version, if it is on this machine.
/// Looks at PGHAUL_TEST_PGBIN_<MAJOR>, the Debian packages, then the cache that
/// `scripts/setup --with-versions` fills (PGHAUL_PG_CACHE, default /var/cache/pghaul-tests).
std::optional<std::string> find_server_bin(int major);

struct ClusterOptions {
    int major = 15;
    std::vector<std::string> settings = {};  // "name=value", unquoted; later ones win
    std::string encoding = "UTF8";
    std::string locale = "C.UTF-8";
    std::string data_root = {};  // where the data directory goes; empty: the temporary folder
    Environment environment = {};  // added to the server's
};

class Cluster {
  public:
    using Options = ClusterOptions;

    /// Makes the data directory and starts the server.
    /// Throws: std::runtime_error with the server's log when it does not come up.
    explicit Cluster(Options options = {});
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    /// A `key=value` connection string over TCP.
    std::string conninfo(const std::string& dbname, const std::string& user = "postgres") const;
    int port() const { return port_; }
    std::string data_dir() const { return data_dir_; }
    std::string socket_dir() const { return socket_dir_; }
    /// The postmaster's process id; 0 while stopped.
    pid_t postmaster_pid() const { return pid_; }

    /// Stops as a crash would (SIGQUIT): no checkpoint, recovery at the next start.
    void stop_immediate();
    /// Breaks off all sessions and shuts down cleanly (SIGINT).
    void stop_fast();
    /// Starts again on the same port, also after the postmaster was killed, and waits until it
    /// accepts connections.
    void start();
    void restart_immediate();

    /// The server's log so far, all starts together.
    std::string log() const;

  private:
    void write_settings() const;
    bool try_start();
    bool wait_until_ready();
    void stop(int signal);
    void remove_folders() noexcept;

    Options options_;
    std::string bin_dir_;
    std::string folder_;
    std::string data_dir_;
    std::string socket_dir_;
    FileDescriptor folder_lock_;
    int port_ = 0;
    pid_t pid_ = 0;
};

/// Creates a database; `extra` is appended to the statement ("encoding 'LATIN1' template
/// template0").
void create_database(const Cluster& cluster, const std::string& name,
                     const std::string& extra = "");

}  // namespace pghaul::test
