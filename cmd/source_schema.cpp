#include "cmd/source_schema.hpp"

#include <utility>

#include "io/error.hpp"

namespace pghaul::cmd {

SourceSchema::SourceSchema(snapshot::Keeper& keeper, const loader::DumpTools& tools,
                           const io::ConnInfo& source, loader::SchemaOptions options,
                           const io::Interrupt& interrupt)
    : keeper_(keeper),
      archive_(
          std::async(std::launch::async, [&tools, &source, &interrupt, exported = keeper.exported(),
                                          options = std::move(options)] {
              return loader::dump_schema(tools, source, exported, options, interrupt);
          })) {}

std::string SourceSchema::archive() {
    try {
        return archive_.get();
    } catch (const io::Error& error) {
        // pg_dump says in words of the server's language why it failed, so the keeper is asked.
        if (keeper_.is_held()) throw;
        throw snapshot::SnapshotLost(error.what());
    }
}

}  // namespace pghaul::cmd
