#include "loader/lane_source.hpp"

#include <fmt/format.h>

#include "loader/copy_chunk.hpp"
#include "loader/lane.hpp"
#include "snapshot/keeper.hpp"

namespace pghaul::loader {
namespace {

// Without locks on all tables each read adds one to this stream's transaction; begin a new one
// (same snapshot) before they fill the server's lock table.
constexpr std::size_t kTablesPerTransaction = 200;

bool snapshot_is_gone(const io::Error& error) {
    return error.statement() == "import_snapshot" && !error.poisons_connection() &&
           (error.sqlstate() == "22023" || error.sqlstate() == "42704" ||
            error.sqlstate() == "55000");
}

}  // namespace

LaneSource::LaneSource(int number, const RowsFrom& from) : number_(number), from_(from) {
    if (from_.files != nullptr) files_.emplace(*from_.files);
}

io::SessionSettings LaneSource::settings() const {
    return {from_.job,
            fmt::format("read {}", number_),
            "UTF8",
            kLaneLockTimeout,
            // A chunk's index scan must not become a parallel or compiled full scan.
            {{"max_parallel_workers_per_gather", "0"}, {"jit", "off"}}};
}

void LaneSource::import_snapshot(io::CopySource& source) {
    try {
        source.execute({"import_snapshot", snapshot::import_snapshot(from_.exported)});
    } catch (const io::Error& error) {
        if (!snapshot_is_gone(error)) throw;
        throw snapshot::SnapshotLost("the source's snapshot is lost: " + std::string(error.what()));
    }
}

io::Connection& LaneSource::connection() {
    if (!connection_) {
        connection_ = io::Connection::open(from_.source, settings(), from_.interrupt);
        direct_.emplace(*connection_);
        connection_in_snapshot_ = false;
    }
    if (!connection_in_snapshot_) {
        import_snapshot(*direct_);
        connection_in_snapshot_ = true;
    }
    return *connection_;
}

io::CopySource& LaneSource::rows(const TableChunk& chunk) {
    if (!files_) return session();
    files_->next(chunk);
    return *files_;
}

void LaneSource::expect(const std::vector<TableChunk>& chunks) {
    // Locks and encodings take requests of their own between the copies.
    if (chunks.size() == 1 || files_ || locks_tables() || from_.plan.encoding != "UTF8") return;
    std::vector<std::string> copies;
    for (const auto& one : chunks) copies.push_back(copy_out_sql(*one.table, *one.chunk));
    session().expect(std::move(copies));
}

bool LaneSource::locks_tables() const { return !files_ && !from_.plan.lock_all_tables; }

io::CopySource& LaneSource::session() {
    if (from_.via == nullptr) {
        connection();
        return *direct_;
    }
    if (!agent_) {
        agent_.emplace(*from_.via, from_.source, settings(), from_.interrupt);
        agent_in_snapshot_ = false;
    }
    if (!agent_in_snapshot_) {
        import_snapshot(*agent_);
        agent_in_snapshot_ = true;
    }
    return *agent_;
}

void LaneSource::make_room_for(std::size_t tables) {
    if (from_.plan.lock_all_tables) return;
    if (tables_locked_ + tables > kTablesPerTransaction) leave_snapshot();
    tables_locked_ += tables;
}

void LaneSource::leave_snapshot() {
    constexpr io::Query kCommit{"end_stream", "commit"};
    if (connection_ && connection_in_snapshot_) connection_->execute(kCommit);
    if (agent_ && agent_in_snapshot_) agent_->execute(kCommit);
    connection_in_snapshot_ = false;
    agent_in_snapshot_ = false;
    tables_locked_ = 0;
}

void LaneSource::close() noexcept {
    direct_.reset();
    connection_.reset();
    agent_.reset();
    connection_in_snapshot_ = false;
    agent_in_snapshot_ = false;
    tables_locked_ = 0;
}

}  // namespace pghaul::loader
