// The source's schema as of a snapshot: pg_dump runs beside what the caller does meanwhile.
// Thread: the caller's; pg_dump is waited for in a thread of its own.
#pragma once

#include <future>
#include <string>

#include "io/conninfo.hpp"
#include "io/interrupt.hpp"
#include "loader/dump_tools.hpp"
#include "loader/schema_dump.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::cmd {

class SourceSchema {
  public:
    /// Requires: all but the options outlive this.
    SourceSchema(const loader::DumpTools& tools, const io::ConnInfo& source,
                 loader::SchemaOptions options, const io::Interrupt& interrupt);

    /// Starts pg_dump in the snapshot. Waits for an earlier one, whose archive is of no use.
    void begin(const std::string& exported);

    /// Waits for the archive; once. Throws: io::Error; SnapshotLost if the keeper's is gone.
    std::string archive(snapshot::Keeper& keeper);

  private:
    const loader::DumpTools& tools_;
    const io::ConnInfo& source_;
    loader::SchemaOptions options_;
    const io::Interrupt& interrupt_;
    std::future<std::string> archive_;
};

}  // namespace pghaul::cmd
