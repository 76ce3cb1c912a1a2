// What stands in an export's folder beside the rows, and its form as JSON text (UTF-8):
//
//   job.json       JobNote: whose export it is; written before anything else
//   plan.json      ExportPlan: source, snapshots, plan; written before the first row, again for
//                  each further snapshot
//   schema.dump    the schema as pg_dump's custom format
//   <t>-<c>.rows   chunk c of the plan's table t, in the form of io/spool_format.hpp
//   objects-<n>.rows   large objects of the plan's part n (loader/large_object_file.hpp)
//   manifest.json  Manifest: size and checksum of all of those; written last, so an export without
//                  it is not finished
//
// job.json and manifest.json are {"checksum": C, "content": X}, where C is the XXH3-64 of X's
// compact text with sorted keys, as 16 hexadecimal digits; plan.json and schema.dump have theirs in
// the manifest. kExportFormat grows with each change that an older pghaul would misread.
// Not for: files as such (loader/export_files.hpp).
// Thread: any; plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "io/spool_format.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::snapshot {

inline constexpr int kExportFormat = 1;

struct SequenceValue {
    SequenceName sequence;
    std::int64_t last_value = 0;
    bool is_called = false;
};

struct JobNote {
    std::string job;
    /// Tells this export from others; with capture it also stands on the source.
    std::string export_id;
    /// host:port/database, for people.
    std::string source;
    std::string source_identity;
    /// -n -N -t -T.
    std::string settings;
    bool capture = false;
};

/// What a target must have before the schema can be made there.
struct SourceNeeds {
    std::vector<std::string> roles;
    /// Those that own something.
    std::vector<std::string> owners;
    std::vector<std::string> extensions;
    std::vector<std::string> tablespaces;
    std::string collation;
    /// The chosen relations; only where not everything was chosen.
    std::vector<SequenceName> relations;
};

struct ExportPlan {
    JobNote note;
    int source_major = 0;
    /// Of the pg_dump that wrote the schema: pg_restore must not be older.
    int dump_major = 0;
    SourceNeeds needs;
    /// Which transactions each snapshot shows; a chunk's file names its place here, from 1 on.
    std::vector<std::string> snapshots;
    Plan plan;
};

/// A sealed file: its footer and the snapshot that its header names.
struct SealedFile {
    std::uint32_t snapshot = 0;
    io::SpoolTotals totals;

    std::uint64_t bytes() const {
        return io::kSpoolHeaderBytes + totals.packed_bytes + io::kSpoolFooterBytes;
    }
};

struct Manifest {
    std::string export_id;
    std::string plan_checksum;
    std::string schema_checksum;
    /// True if all rows are as of one moment. If not, only the captured changes make them one.
    bool one_moment = true;
    std::vector<SequenceValue> sequences;
    std::map<std::pair<int, int>, SealedFile> chunks;  // by table and chunk
    std::map<int, SealedFile> large_objects;           // by part

    std::uint64_t rows() const;
    /// Units: bytes; of the COPY streams and in files.
    std::uint64_t raw_bytes() const;
    std::uint64_t file_bytes() const;
};

std::string to_json(const JobNote& note);
std::string to_json(const ExportPlan& plan);
std::string to_json(const Manifest& manifest);

/// Throw: io::Error if the text is not what was written, or of a newer format.
JobNote job_note_from_json(const std::string& text);
ExportPlan export_plan_from_json(const std::string& text);
Manifest manifest_from_json(const std::string& text);

}  // namespace pghaul::snapshot
