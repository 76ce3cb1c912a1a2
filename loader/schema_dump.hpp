// The schema's way from source to target. pg_dump knows it best, so it is asked to write it down;
// pg_restore turns the archive into SQL, and pghaul runs that itself (see script_runner).
// Thread: one; the connections it opens are its own.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "io/conninfo.hpp"
#include "io/interrupt.hpp"
#include "loader/dump_tools.hpp"
#include "loader/script_runner.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::loader {

struct SchemaOptions {
    snapshot::Selection selection;
    bool no_owner = false;
    bool no_privileges = false;
    bool no_tablespaces = false;
    std::string job;
    /// The source's version; 0 if it is not known.
    int source_major = 0;
    /// Partitions stay apart from their table until RestPart::attaches, so that they keep their own
    /// indexes instead of getting new ones.
    bool attach_later = false;
    /// Foreign keys that are not there yet, by table's schema and name: comments on them wait too.
    const std::vector<snapshot::ForeignKey>* absent_foreign_keys = nullptr;
};

/// Runs `pg_dump --schema-only`. snapshot_name: as exported; empty: a snapshot of its own.
/// Returns: the archive's bytes, for the journal. Throws: io::Error.
std::string dump_schema(const DumpTools& tools, const io::ConnInfo& source,
                        const std::string& snapshot_name, const SchemaOptions& options,
                        const io::Interrupt& interrupt);

/// What must be there before rows: schemas, types, functions, tables, views, … clean: with the
/// statements that drop it first.
SchemaScript read_pre_data(const DumpTools& tools, const std::string& archive,
                           const SchemaOptions& options, bool clean,
                           const io::Interrupt& interrupt);

/// Reads and makes that. Throws: io::Error with the entry as context and a hint.
void restore_pre_data(const DumpTools& tools, const std::string& archive,
                      const io::ConnInfo& target, const SchemaOptions& options,
                      const RestoreOptions& restore, const io::Interrupt& interrupt);

/// Drops what restore_pre_data() has made of this archive, and nothing else. made: as its mark
/// noted. Safe to repeat.
void drop_pre_data(const DumpTools& tools, const std::string& archive, const io::ConnInfo& target,
                   const SchemaOptions& options, const RestoreProgress& made,
                   const io::Interrupt& interrupt);

/// Foreign keys stand between the two: they need the keys of partitioned tables, and comments on
/// them need the foreign keys.
enum class RestPart {
    /// Only with attach_later.
    attaches,
    /// Indexes and keys of partitioned tables and materialised views, and what attaches leaves'.
    indexes,
    /// Triggers, rules, policies, comments on indexes, statistics objects, publications, …
    others,
};

/// Lists what an archive holds for after the rows.
std::vector<TocLine> list_post_data(const DumpTools& tools, const std::string& archive,
                                    const SchemaOptions& options, const io::Interrupt& interrupt);

/// What is left of an archive after the rows.
class RestOfSchema {
  public:
    /// built: indexes and constraints (OIDs on the source) that are there already or not wanted.
    /// Requires: all but the last outlive this.
    RestOfSchema(const DumpTools& tools, const std::string& archive, const SchemaOptions& options,
                 const io::Interrupt& interrupt, std::set<snapshot::Oid> built);

    /// Spares listing it again.
    void know_post_data(std::vector<TocLine> listed);

    /// Makes a part of it. Does nothing if there is none, or if restore.entries_done says that all
    /// of it is made; then nothing is marked. Throws: io::Error with the entry as context and a
    /// hint.
    void restore(RestPart part, const io::ConnInfo& target, const RestoreOptions& restore);

  private:
    const DumpTools& tools_;
    const std::string& archive_;
    const SchemaOptions& options_;
    const io::Interrupt& interrupt_;
    std::set<snapshot::Oid> built_;
    /// By section.
    std::map<std::string, std::vector<TocLine>> listed_;
};

}  // namespace pghaul::loader
