// The source's schema as of a snapshot: pg_dump runs, and its archive is turned into SQL, beside
// what the caller does meanwhile.
// Thread: the caller's; pg_dump and pg_restore are waited for in a thread of its own.
#pragma once

#include <future>
#include <optional>
#include <string>
#include <vector>

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

    /// Ends what still runs: nobody wants it, and it would hold locks on the source.
    ~SourceSchema() { stop(); }
    SourceSchema(const SourceSchema&) = delete;
    SourceSchema& operator=(const SourceSchema&) = delete;

    /// Starts pg_dump in the snapshot. Ends an earlier one, whose archive is of no use.
    /// with_sql: for pre_data() and post_data().
    void begin(const std::string& exported, bool with_sql);

    /// Waits for the archive; once. Throws: io::Error; SnapshotLost if the keeper's is gone.
    std::string archive(snapshot::Keeper& keeper);

    /// Waits for what must be there before rows; once, after archive(). Throws: io::Error.
    loader::SchemaScript pre_data() { return pre_data_.get(); }
    /// Waits for the list of what comes after the rows; once, after pre_data(). Throws: io::Error.
    std::vector<loader::TocLine> post_data() { return post_data_.get(); }

  private:
    void stop() noexcept;

    const loader::DumpTools& tools_;
    const io::ConnInfo& source_;
    loader::SchemaOptions options_;
    const io::Interrupt& interrupt_;
    std::optional<io::Interrupt> stop_;  // of the one that runs
    std::shared_future<std::string> archive_;
    std::future<loader::SchemaScript> pre_data_;
    std::future<std::vector<loader::TocLine>> post_data_;
    std::future<void> work_;
};

}  // namespace pghaul::cmd
