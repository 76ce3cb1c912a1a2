#include "cmd/source_schema.hpp"

#include <utility>

#include "io/error.hpp"

namespace pghaul::cmd {

SourceSchema::SourceSchema(const loader::DumpTools& tools, const io::ConnInfo& source,
                           loader::SchemaOptions options, const io::Interrupt& interrupt)
    : tools_(tools), source_(source), options_(std::move(options)), interrupt_(interrupt) {}

void SourceSchema::stop() noexcept {
    if (!work_.valid()) return;
    stop_->fire();
    work_.wait();
    work_ = {};
}

void SourceSchema::begin(const std::string& exported, bool with_sql) {
    stop();
    const auto& interrupt = stop_.emplace(&interrupt_);
    std::packaged_task<std::string()> dump([this, exported, &interrupt] {
        return loader::dump_schema(tools_, source_, exported, options_, interrupt);
    });
    archive_ = dump.get_future().share();
    std::packaged_task<loader::SchemaScript()> read([this, archive = archive_, &interrupt] {
        return loader::read_pre_data(tools_, archive.get(), options_, false, interrupt);
    });
    pre_data_ = read.get_future();
    std::packaged_task<std::vector<loader::TocLine>()> list([this, archive = archive_, &interrupt] {
        return loader::list_post_data(tools_, archive.get(), options_, interrupt);
    });
    post_data_ = list.get_future();
    work_ =
        std::async(std::launch::async, [with_sql, dump = std::move(dump), read = std::move(read),
                                        list = std::move(list)]() mutable {
            dump();
            if (!with_sql) return;
            read();
            list();
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
