// The files of an export's folder, by name and by what they must hold (snapshot/export_manifest.hpp
// says what each is). Reads and checks; the writing of rows is export_chunk's.
// Thread: any; nothing changes after construction.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/copy_source.hpp"
#include "snapshot/export_manifest.hpp"

namespace pghaul::loader {

inline constexpr const char* kJobFile = "job.json";
inline constexpr const char* kPlanFile = "plan.json";
inline constexpr const char* kSchemaFile = "schema.dump";
inline constexpr const char* kManifestFile = "manifest.json";

/// Files from this size on are brought to the disk one by one, when they are sealed; smaller ones
/// together at the end of an export, since each sync of its own costs milliseconds. So whether a
/// smaller one is whole is not known before it is read.
inline constexpr std::uint64_t kSyncedAlone = std::uint64_t{1} << 20;

std::string rows_file(int table, int chunk);
std::string objects_file(int part);
/// What stands in their headers.
io::SpoolId rows_id(const std::string& export_id, int table, int chunk, int snapshot);
io::SpoolId objects_id(const std::string& export_id, int part, int snapshot);

/// A finished export, as import reads it.
class ExportFiles {
  public:
    ExportFiles(std::string folder, const snapshot::Manifest& manifest)
        : folder_(std::move(folder)), manifest_(manifest) {}

    /// The rows of a chunk, or large objects of a part. what: how errors say whose rows those are.
    /// Throws: io::Error that names the file; so do the reader's functions.
    std::unique_ptr<io::BlockReader> open_rows(int table, int chunk, const std::string& what) const;
    std::unique_ptr<io::BlockReader> open_objects(int part) const;
    /// The snapshot in which they were read, by its number from 1 on.
    int snapshot_of(int table, int chunk) const;
    int snapshot_of_objects(int part) const;

    /// Looks at every file that the manifest names, at its size, its head and its end.
    /// Returns: what is wrong, one file each; empty: nothing.
    std::vector<std::string> faults(const snapshot::Plan& plan) const;

  private:
    std::string folder_;
    const snapshot::Manifest& manifest_;
};

/// What an unfinished export has sealed already. Files that are damaged or not of this export are
/// removed, and said.
struct SealedFiles {
    std::map<std::pair<int, int>, snapshot::SealedFile> chunks;
    std::map<int, snapshot::SealedFile> large_objects;
};
SealedFiles find_sealed(const std::string& folder, const snapshot::ExportPlan& plan);

}  // namespace pghaul::loader
