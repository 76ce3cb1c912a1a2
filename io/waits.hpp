// Which connections of this process wait for their server, and since when. Somebody who asks the
// same server on another connection can so tell a wait that will end from one that never will, and
// end that: a proxy or firewall on the way may forget a connection, keep both of its ends alive and
// pass nothing, which no keepalive finds.
// Not for: deciding that. Thread: any.
#pragma once

#include <chrono>
#include <list>
#include <string>
#include <vector>

namespace pghaul::io {

struct Wait {
    std::string server;  // Connection::server_name()
    int backend_pid = 0;
    std::chrono::steady_clock::time_point since;
    bool operator==(const Wait&) const = default;
};

/// Those that have lasted that long.
std::vector<Wait> waits_longer_than(std::chrono::milliseconds time);
/// Ends it as if the server had closed the connection. Does nothing if it is over.
void break_off(const Wait& wait);

/// Makes a wait known for as long as this object lives.
class WaitMark {
  public:
    /// Requires: the socket stays open for as long.
    WaitMark(std::string server, int backend_pid, int socket);
    WaitMark(const WaitMark&) = delete;
    WaitMark& operator=(const WaitMark&) = delete;
    ~WaitMark();
    bool broken_off() const;

    struct Entry {
        Wait wait;
        int socket;
        bool broken_off;
    };

  private:
    std::list<Entry>::iterator entry_;
};

}  // namespace pghaul::io
