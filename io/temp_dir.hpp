// A private folder (mode 0700) for files that child processes need; removed with all it holds.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace pghaul::io {

class TempDir {
  public:
    /// Below $TMPDIR or /tmp. Throws: Error.
    TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir();

    /// Writes a file of mode 0600 and returns its path. Throws: Error.
    std::string write(const std::string& name, std::string_view content) const;
    std::string path(const std::string& name) const { return (dir_ / name).string(); }

  private:
    std::filesystem::path dir_;
};

/// Throws: Error if it can't be read.
std::string read_file(const std::string& path);

}  // namespace pghaul::io
