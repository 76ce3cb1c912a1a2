// Standard error, shared by log lines and a live display of a few lines at the bottom.
// Thread: any.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace spdlog {
class logger;
}

namespace pghaul::cmd {

class Console {
  public:
    /// One console per process.
    static Console& get();

    /// Prints a line above the live display.
    void line(const std::string& text);
    /// Replaces the live display; empty: takes it away.
    void show(std::vector<std::string> lines);
    bool is_terminal() const;
    /// Columns of the terminal; 100 if unknown.
    std::size_t width() const;
};

/// Sets up spdlog's default logger: the console, and the file if one is named.
/// Throws: io::Error (usage) if the file can't be opened.
void set_up_log(const std::string& level, const std::string& file);

}  // namespace pghaul::cmd
