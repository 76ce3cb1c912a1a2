// The configuration file: the same options in TOML, for what the command line leaves out.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace pghaul::cmd {

/// Options of the file that `command` knows and the command line does not give, appended as
/// arguments: the command line wins. all: every command, for names that another one knows.
/// Throws: io::Error (usage).
std::vector<std::string> with_config(const CLI::App& command, const std::vector<CLI::App*>& all,
                                     const std::string& file, std::vector<std::string> arguments);

}  // namespace pghaul::cmd
