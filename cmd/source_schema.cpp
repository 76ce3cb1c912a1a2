#include "cmd/source_schema.hpp"

#include <utility>

#include "io/error.hpp"

namespace pghaul::cmd {

SourceSchema::SourceSchema(const loader::DumpTools& tools, const io::ConnInfo& source,
                           loader::SchemaOptions options, const io::Interrupt& interrupt)
    : tools_(tools), source_(source), options_(std::move(options)), interrupt_(interrupt) {}

void SourceSchema::stop() noexcept {
    if (!pre_data_.valid()) return;
    stop_->fire();
    pre_data_.wait();
    pre_data_ = {};
}

void SourceSchema::begin(const std::string& exported, bool with_sql) {
    stop();
    const auto& interrupt = stop_.emplace(&interrupt_);
    std::promise<std::string> dumped;
    archive_ = dumped.get_future();
    pre_data_ = std::async(std::launch::async, [this, exported, with_sql, &interrupt,
                                                dumped = std::move(dumped)]() mutable {
        std::string archive;
        try {
            archive = loader::dump_schema(tools_, source_, exported, options_, interrupt);
        } catch (...) {
            dumped.set_exception(std::current_exception());
            return loader::SchemaScript{};
        }
        dumped.set_value(archive);
        if (!with_sql) return loader::SchemaScript{};
        return loader::read_pre_data(tools_, archive, options_, false, interrupt);
    });
}

std::string SourceSchema::archive(snapshot::Keeper& keeper) {
    try {
        return archive_.get();
    } catch (const io::Interrupted&) {
        throw;
    } catch (const io::Error& error) {
        // pg_dump says in words of the server's language why it failed, so the keeper is asked.
        if (keeper.is_held()) throw;
        throw snapshot::SnapshotLost(error.what());
    }
}

}  // namespace pghaul::cmd
