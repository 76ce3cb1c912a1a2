// Where rounds take place: two servers behind proxies, a third whose disk can fill up, databases
// made from a template, a clock that can be moved.
//
// Owns all of them; they are gone with it. Not for: what goes wrong (fault.hpp) or what is checked.
// Thread: the main thread (servers and pghaul die with the thread that started them).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tests/cmd/live_steps.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/small_disk.hpp"
#include "tests/support/tcp_proxy.hpp"

namespace pghaul::test::faults {

/// One of the two ends of a job.
struct End {
    Cluster& server;
    TcpProxy& proxy;
    std::string database;

    /// As pghaul connects: through the proxy.
    std::string through_proxy(const std::string& user) const;
    std::string superuser() const { return server.conninfo(database); }
    std::string sql(const std::string& text) const { return psql(superuser(), text); }
};

/// Two databases of one round; the source is filled.
struct Ends {
    End source;
    End target;
    std::string user;  // that pghaul connects as
    std::string writer_conninfo() const { return source.server.conninfo(source.database, user); }
};

/// The wall clock of both servers and of every pghaul that is started with environment().
class Clock {
  public:
    Clock();
    ~Clock();
    Clock(const Clock&) = delete;
    Clock& operator=(const Clock&) = delete;
    /// Empty where clocks can't be moved (a sanitizer wants to be the first library).
    Environment environment() const;
    void shift_s(std::int64_t seconds);

  private:
    std::string path_;  // a file that the servers' user can open too
    std::int64_t* shift_ = nullptr;
};

class Arena {
  public:
    Arena();

    Clock& clock() { return clock_; }
    /// Why the servers' clocks can't be moved; empty if they can.
    std::string why_no_clock();
    /// Null where no file system can be mounted; then why_no_disk() says why.
    SmallDisk* small_disk();
    std::string why_no_disk() const { return why_no_disk_; }

    /// New databases; on_small_disk: the target on the server that can run out of room.
    Ends make_ends(As as, bool on_small_disk);
    void remove(const Ends& ends);

    /// "2 cores, PostgreSQL 15.18"
    std::string machine();

  private:
    struct Side {
        Side(const Clock& clock, const std::string& data_root);
        Cluster server;
        TcpProxy proxy;
    };
    std::string template_for(As as);

    Clock clock_;
    Side source_;
    Side target_;
    std::unique_ptr<SmallDisk> disk_;
    std::unique_ptr<Side> small_target_;
    std::string why_no_disk_;
    std::map<As, std::string> templates_;
    int rounds_ = 0;
};

/// What writers leave alone, so that what a copy costs can be told: its rows are most of all.
inline constexpr const char* kStillTable = "still";

}  // namespace pghaul::test::faults
