// A private folder (mode 0700) for files that child processes need; removed with all it holds. A
// folder that a killed process has left is removed by the next one that makes its own there: a
// living owner holds a lock on it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "io/file_descriptor.hpp"

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
    FileDescriptor lock_;
};

/// Throws: Error if it can't be read.
std::string read_file(const std::string& path);

}  // namespace pghaul::io
