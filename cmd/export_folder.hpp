// An export's folder as a whole: whose it is, how far it is, and the reading of a finished one. The
// files are in snapshot/export_manifest.hpp and loader/export_files.hpp.
// Thread: the run's main thread.
#pragma once

#include <optional>
#include <string>

#include "io/file_descriptor.hpp"
#include "loader/export_files.hpp"
#include "snapshot/export_manifest.hpp"

namespace pghaul::cmd {

/// The folder of an export in the making, held by this process.
class ExportFolder {
  public:
    /// Makes it (mode 0700) where it is missing; removes what was never sealed.
    /// Throws: io::Error (no_go if other files are in it, stopped if another process has it).
    explicit ExportFolder(const std::string& folder);

    /// Absolute, without links.
    const std::string& path() const noexcept { return path_; }
    std::optional<snapshot::JobNote> note() const;
    std::optional<snapshot::ExportPlan> plan() const;
    std::optional<snapshot::Manifest> manifest() const;

    /// Begins an export, and throws away what an earlier one has left.
    void begin(const snapshot::JobNote& note) const;
    void store_schema(const std::string& archive) const;
    void store_plan(const snapshot::ExportPlan& plan) const;
    /// Brings everything to the disk, then writes the manifest, to which it adds the checksums of
    /// plan and schema.
    void finish(snapshot::Manifest manifest) const;

  private:
    std::string file(const std::string& name) const { return path_ + "/" + name; }
    std::optional<std::string> read(const char* name) const;

    std::string path_;
    io::FileDescriptor lock_;
};

/// A finished export.
struct Exported {
    std::string folder;
    snapshot::Manifest manifest;
    snapshot::ExportPlan plan;
    std::string schema;
};

/// Reads it and looks at every file. Throws: io::Error that names what is missing or damaged.
Exported read_export(const std::string& folder);

}  // namespace pghaul::cmd
