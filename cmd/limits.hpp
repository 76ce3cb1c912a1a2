// What limits a copy while it moves. Both servers are asked once a second what the streams'
// sessions do; of the last minute's answers, these are the shares: the target (or the source)
// works, waits for something of its own (Lock:extend, IO:WALSync, …), or both wait for pghaul or
// the network. Pure counting: no server. Thread: one.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace pghaul::cmd {

struct Limit {
    /// "target works", "source waits for IO:DataFileRead", "pghaul or the network"
    std::string what;
    double share = 0;  // of the streams' time, 0 to 1
};

class Limits {
  public:
    /// By application name, what each active session waits for, as "type:event"; empty: it works.
    using Sessions = std::multimap<std::string, std::string>;

    /// One look at both servers.
    void add(const Sessions& source, const Sessions& target);
    void clear() { looks_.clear(); }

    /// Largest first; what is less than a twentieth is left out.
    std::vector<Limit> shares() const;

  private:
    static constexpr std::size_t kLooks = 60;
    std::deque<std::map<std::string, int>> looks_;
};

/// "limits: target works 61 %, target waits for Lock:extend 22 %"; empty if there are none.
std::string to_text(const std::vector<Limit>& limits);

}  // namespace pghaul::cmd
