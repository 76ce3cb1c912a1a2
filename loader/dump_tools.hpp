// pg_dump and pg_restore as programs: which ones are installed, which pair fits two servers, and
// how to run one against a server without its password showing up in a process list. Not for what
// they are asked to do: that is schema_dump. Thread: any.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/conninfo.hpp"
#include "io/interrupt.hpp"
#include "io/process.hpp"
#include "io/temp_dir.hpp"

namespace pghaul::loader {

/// A pair of one version, from one folder.
struct DumpTools {
    std::string pg_dump;
    std::string pg_restore;
    int major = 0;
};

/// The pair that fits: never older than the source (pg_dump refuses that). Among those not newer
/// than the target the newest, else the oldest of the newer ones: what a tool newer than the target
/// writes may be syntax that the target doesn't know.
/// Throws: io::Error (no_go) that names what was found, with the package to install.
DumpTools pick_dump_tools(const std::vector<DumpTools>& found, int source_major, int target_major);

/// Searches PATH and the folders that packages use, then picks. Wrapper scripts count only where
/// no real program of that version is found: which version a wrapper runs depends on its arguments.
DumpTools find_dump_tools(int source_major, int target_major, const io::Interrupt& interrupt);

/// Where a child process finds a server: the password travels in a private file, never in argv.
class ToolLogin {
  public:
    ToolLogin(io::ConnInfo server, const std::string& job);

    /// For --dbname.
    const std::string& conninfo() const noexcept { return conninfo_; }
    const std::map<std::string, std::string>& env() const noexcept { return env_; }

  private:
    io::TempDir files_;
    std::string conninfo_;
    std::map<std::string, std::string> env_;
};

/// Runs a tool in the C locale. Throws: io::Error with its first error lines if it fails.
io::ProcessOutput run_tool(const std::vector<std::string>& argv,
                           const std::map<std::string, std::string>& env,
                           const io::Interrupt& interrupt);

}  // namespace pghaul::loader
