// One chunk's journey into an export's file: read → pack → write → seal. What copy_chunk.hpp is for
// a target server; a chunk counts as exported when its file has its name.
// Thread: a stream's own; the source is the stream's.
#pragma once

#include <string>

#include "io/connection.hpp"
#include "io/copy_source.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"
#include "loader/copy_chunk.hpp"
#include "snapshot/export_manifest.hpp"

namespace pghaul::loader {

/// Where files go and what they say about themselves.
struct ExportTo {
    std::string folder;
    std::string export_id;
    /// The snapshot's number, from 1 on.
    int snapshot = 1;
};

/// Requires: source in a transaction with the snapshot.
/// Throws: io::Error; then nothing of the file is left, and the source may not be used again.
snapshot::SealedFile export_chunk(io::CopySource& source, const CopyRequest& request,
                                  const ExportTo& to, io::StreamProgress& progress,
                                  const io::Interrupt& interrupt);

/// The same for a part of the large objects.
snapshot::SealedFile export_large_objects(io::Connection& source,
                                          const snapshot::LargeObjectChunk& part,
                                          const ExportTo& to, io::StreamProgress& progress);

}  // namespace pghaul::loader
