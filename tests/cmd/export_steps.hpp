// The steps of tests that move a database through files.
// Thread: the main thread.
#pragma once

#include <string>

#include "tests/cmd/live_steps.hpp"

namespace pghaul::test {

/// A folder for an export, gone with the object.
class ExportDir {
  public:
    ExportDir();
    ExportDir(const ExportDir&) = delete;
    ExportDir& operator=(const ExportDir&) = delete;
    ~ExportDir();

    /// Not made yet.
    std::string path() const { return root_ + "/export"; }
    std::string file(const std::string& name) const { return path() + "/" + name; }
    /// Its files, sorted.
    std::vector<std::string> files() const;
    /// The largest file of rows.
    std::string largest() const;
    /// Turns one byte over.
    void damage(const std::string& name, std::size_t at) const;

  private:
    std::string root_;
};

/// "pghaul export" with and without capture; -j 3 and chunks of 1 MB unless more says otherwise.
Arguments export_argv(const Pair& pair, const ExportDir& dir, const Arguments& more = {});
ProcessResult export_to(const ExportDir& dir, const Pair& pair, const Arguments& more = {},
                        const Environment& env = {});
ProcessResult import_from(const ExportDir& dir, const Pair& pair, const Arguments& more = {},
                          const Environment& env = {});

}  // namespace pghaul::test
