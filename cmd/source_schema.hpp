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
    /// Starts pg_dump in the keeper's snapshot. Requires: all but the options outlive this.
    SourceSchema(snapshot::Keeper& keeper, const loader::DumpTools& tools,
                 const io::ConnInfo& source, loader::SchemaOptions options,
                 const io::Interrupt& interrupt);

    /// Waits for the archive; once. Throws: io::Error; SnapshotLost if the snapshot is gone.
    std::string archive();

  private:
    snapshot::Keeper& keeper_;
    std::future<std::string> archive_;
};

}  // namespace pghaul::cmd
