// The folder of a job's spool files: pghaul-spool-<the job's id>, for this user only, one file for
// each chunk. A file that an earlier run has left is used only if it is whole and holds exactly the
// rows that are wanted: its header names the job, the chunk and the snapshot, and a fingerprint of
// the COPY statement and of what that snapshot shows.
// Other jobs' folders are never touched. Thread: any.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "io/spool_format.hpp"
#include "loader/spool_rules.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

class SpoolFolder {
  public:
    /// base: the folder it is made in. job_id: the journal's.
    SpoolFolder(const std::string& base, std::string job_id);

    const std::string& path() const noexcept { return path_; }
    /// Makes it unless it is there. Throws: io::SpoolUnwritable, also if it is not this user's own.
    void make() const;

    std::string file_of(const TableChunk& one) const;
    /// What the file of a chunk is to say in its header. number: of the snapshot, in the journal;
    /// visible: what it shows.
    io::SpoolId id_of(const TableChunk& one, const std::string& encoding, int number,
                      const std::string& visible) const;

    /// The files of earlier runs whose rows are still to be loaded; all others are removed.
    /// snapshots: what each of the journal's shows. Throws: io::Error.
    SpoolFiles adopt(const snapshot::Plan& plan, const snapshot::LoadedChunks& loaded,
                     const std::map<int, std::string>& snapshots) const;
    /// What it holds now, files being written included; nothing if it can't be looked into.
    struct Held {
        std::int64_t files = 0;
        std::int64_t bytes = 0;
    };
    std::optional<Held> held() const;
    /// Removes the folder with all that is in it. Returns: whether it was there. Throws: io::Error.
    bool remove() const;
    static void remove_file(const std::string& path);

  private:
    bool is_there() const;

    std::string path_;
    std::string job_id_;
};

}  // namespace pghaul::loader
