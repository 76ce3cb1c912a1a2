// One session on the target in which parts of a schema's script run.
// Thread: one at a time.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/connection.hpp"
#include "io/conninfo.hpp"
#include "io/interrupt.hpp"

namespace pghaul::loader {

class ScriptSession {
  public:
    /// role: what the session's name ends with. Throws: io::Error.
    ScriptSession(const io::ConnInfo& target, const std::string& job, const std::string& role,
                  const io::Interrupt& interrupt);

    /// Those of the SET statements that this server understands; others are given back as they are.
    std::string known(const std::vector<std::string>& statements) const;
    /// Does nothing if there is nothing in it.
    void execute(std::string_view name, const std::string& sql);
    io::Connection& connection() noexcept { return target_; }

  private:
    io::Connection target_;
    std::set<std::string> known_settings_;
};

}  // namespace pghaul::loader
