// The part of the queue that knows of other processes: what they have claimed, and what becomes of
// it.
#include <algorithm>

#include "loader/work_queue.hpp"

namespace pghaul::loader {

/// A worker has no part in it.
void WorkQueue::leave_to_the_run(TableState& table) {
    table.unclaimed.clear();
    table.pieces = 0;
    table.finished = true;
}

void WorkQueue::elsewhere(const Work& work) {
    const std::lock_guard guard(mutex_);
    --busy_;
    if (work.kind == Work::Kind::build_index) {
        auto& table = tables_[static_cast<std::size_t>(work.table->number)];
        --table.building;
        table.built_elsewhere.push_back(work.index);
    } else {
        for (const auto& one : work.chunks) note_elsewhere(one, work.spooled);
        if (work.spooled) {
            --loads_in_hand_;
        } else {
            --reads_in_hand_;
        }
    }
    changed_.notify_all();
}

void WorkQueue::elsewhere(const std::vector<TableChunk>& some) {
    const std::lock_guard guard(mutex_);
    for (const auto& one : some) note_elsewhere(one, std::nullopt);
}

void WorkQueue::note_elsewhere(const TableChunk& one, const std::optional<SpoolFile>& file) {
    auto& table = tables_[static_cast<std::size_t>(one.table->number)];
    --table.copying;
    table.elsewhere.emplace(one.chunk->number, file);
}

WorkQueue::Elsewhere WorkQueue::elsewhere() const {
    const std::lock_guard guard(mutex_);
    Elsewhere all;
    for (const auto& table : tables_) {
        for (const auto& [number, file] : table.elsewhere) {
            all.chunks.emplace(table.plan->number, number);
        }
        for (const auto* index : table.built_elsewhere) all.indexes.emplace_back(table.plan, index);
    }
    return all;
}

/// A small table was to be read back together with its group, but has left it.
void WorkQueue::read_back_alone(TableState& table) {
    const auto pieces = options_.read_back.find(table.plan->number);
    if (options_.helper || table.pieces > 0 || pieces == options_.read_back.end()) return;
    table.pieces = pieces->second;
}

std::vector<SpoolFile> WorkQueue::settle(const snapshot::ChunkStates& chunks) {
    const std::lock_guard guard(mutex_);
    std::vector<SpoolFile> files;
    for (const auto& [table_number, number] : chunks.loaded) {
        auto& table = tables_[static_cast<std::size_t>(table_number)];
        auto one = table.elsewhere.extract(number);
        if (one.empty()) continue;
        if (one.mapped()) {
            forget_file(*one.mapped());
            files.push_back(std::move(*one.mapped()));
        }
        const auto bytes = table.plan->chunks[static_cast<std::size_t>(number)].bytes;
        table.copy_left -= static_cast<double>(bytes);
        if (options_.progress != nullptr) options_.progress->loaded_bytes += bytes;
        if (!table.copied()) continue;
        if (chunks.unproven.contains(table_number)) read_back_alone(table);
        const bool ended = chunks.finished.contains(table_number) && !table.finished;
        table.finished = table.finished || ended;
        copied(table);
        if (ended) count(0, 1);
    }
    for (const auto& [table_number, number] : chunks.free) {
        auto& table = tables_[static_cast<std::size_t>(table_number)];
        auto one = table.elsewhere.extract(number);
        if (one.empty()) continue;
        if (one.mapped()) {
            table.files.emplace(number, std::move(*one.mapped()));
        } else {
            table.unclaimed.insert(
                std::upper_bound(table.unclaimed.begin(), table.unclaimed.end(), number), number);
            read_back_alone(table);
        }
    }
    if (!chunks.loaded.empty() || !chunks.free.empty()) changed_.notify_all();
    return files;
}

void WorkQueue::settle_index(const snapshot::TablePlan& plan, const snapshot::IndexInfo& index,
                             bool built) {
    const std::lock_guard guard(mutex_);
    auto& table = tables_[static_cast<std::size_t>(plan.number)];
    if (std::erase(table.built_elsewhere, &index) == 0) return;
    if (!built) table.indexes.push_back(&index);
    changed_.notify_all();
}

}  // namespace pghaul::loader
