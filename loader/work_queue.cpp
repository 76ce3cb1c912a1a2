#include "loader/work_queue.hpp"

#include <algorithm>

namespace pghaul::loader {
namespace {

using snapshot::Method;
using snapshot::TablePlan;

// Relative cost per byte: loading a row costs more than indexing it, but an index holds few bytes
// of a row. Measured with bench/dataset.sql on PostgreSQL 15.
constexpr double kIndexCostPerByte = 2.0;

// Tables up to this size share transactions: one commit and few round trips for many of them.
constexpr std::int64_t kSmallTable = std::int64_t{1} << 20;
constexpr std::int64_t kGroupBytes = std::int64_t{8} << 20;
constexpr std::size_t kGroupTables = 64;
// An index below this is built together with its table's end.
constexpr std::int64_t kSmallIndex = std::int64_t{4} << 20;

bool is_small(const TablePlan& table) {
    return table.method == Method::whole &&
           table.info.kind != snapshot::TableKind::extension_config &&
           table.info.bytes() + table.info.index_bytes <= kSmallTable;
}

}  // namespace

std::string Work::display() const {
    switch (kind) {
        case Kind::copy: {
            const auto& first = chunks.front();
            if (chunks.size() > 1) {
                return "copy " + first.table->info.display() + " and " +
                       std::to_string(chunks.size() - 1) + " more small tables";
            }
            std::string text = "copy " + first.table->info.display();
            if (first.table->chunks.size() > 1) {
                text += " " + snapshot::display(first.chunk->range);
            }
            return text;
        }
        case Kind::large_objects:
            return "copy large objects " + std::to_string(objects->first) + " to " +
                   std::to_string(objects->last);
        case Kind::build_index:
            return "index " + snapshot::display_name(table->info.schema, index->name);
        case Kind::read_back:
            return "read back " + table->info.display();
        case Kind::finish:
            return "constraints and statistics of " + table->info.display();
        case Kind::release_source:
            return "release the source";
    }
    return {};
}

WorkQueue::WorkQueue(const snapshot::Plan& plan, const snapshot::LoadedChunks& loaded,
                     const std::set<int>& finished, Options options)
    : options_(std::move(options)), streams_(static_cast<std::size_t>(options_.streams)) {
    for (const auto& table : plan.tables) {
        TableState state;
        state.plan = &table;
        for (const auto& chunk : table.chunks) {
            if (loaded.tables.contains({table.number, chunk.number})) continue;
            state.unclaimed.push_back(chunk.number);
            state.copy_left += static_cast<double>(chunk.bytes);
        }
        state.finished = finished.contains(table.number);
        if (const auto pieces = options_.read_back.find(table.number);
            pieces != options_.read_back.end()) {
            state.pieces = pieces->second;
        }
        if (!state.finished) {
            state.index_left = kIndexCostPerByte * static_cast<double>(table.info.index_bytes);
        }
        tables_.push_back(std::move(state));
    }
    for (const auto& chunk : plan.large_objects) {
        if (!loaded.large_objects.contains(chunk.number)) objects_.push_back(&chunk);
    }
    group_small_tables();
    for (auto& table : tables_) {
        if (table.copied()) copied(table);
        if (table.finished) count(0, 1);
    }
}

void WorkQueue::group_small_tables() {
    Work group;
    std::int64_t bytes = 0;
    const auto flush = [&] {
        if (group.chunks.empty()) return;
        group.finish_too = options_.finish;
        groups_.push_back(std::move(group));
        group = {};
        bytes = 0;
    };
    for (auto& table : tables_) {
        if (!is_small(*table.plan) || table.unclaimed.empty() || table.finished) continue;
        // All or none of a group: they share a transaction, and with it the way of their proof.
        if (!group.chunks.empty() && group.read_back_too != (table.pieces > 0)) flush();
        group.read_back_too = table.pieces > 0;
        table.pieces = 0;
        group.chunks.push_back({table.plan, &table.plan->chunks.front()});
        bytes += table.plan->info.bytes();
        table.unclaimed.clear();
        table.copying = 1;
        if (group.chunks.size() >= kGroupTables || bytes >= kGroupBytes) flush();
    }
    flush();
}

void WorkQueue::count(int loaded, int finished) const {
    if (options_.progress == nullptr) return;
    options_.progress->tables_loaded += loaded;
    options_.progress->tables_finished += finished;
}

void WorkQueue::copied(TableState& table) {
    count(1, 0);
    table.copy_left = 0;
    if (!options_.finish || table.finished) return;
    for (const auto& index : table.plan->info.indexes) {
        // An exclusion constraint builds its index when it is added, at the table's end.
        if (index.bytes >= kSmallIndex && index.constraint_kind != "x") {
            table.indexes.push_back(&index);
        }
    }
    std::stable_sort(table.indexes.begin(), table.indexes.end(),
                     [](const auto* a, const auto* b) { return a->bytes > b->bytes; });
}

bool WorkQueue::copying_over() const {
    return copies_in_hand_ == 0 && groups_.empty() && objects_.empty() &&
           std::all_of(tables_.begin(), tables_.end(),
                       [](const TableState& table) { return table.unclaimed.empty(); });
}

int WorkQueue::place_for(const StreamState& stream, const TableState& table) const {
    // Staying on the table: the next chunk in key order after the last one, if it is still free.
    if (stream.table == table.plan->number) {
        const auto next =
            std::upper_bound(table.unclaimed.begin(), table.unclaimed.end(), stream.last_chunk);
        if (next != table.unclaimed.end()) return static_cast<int>(next - table.unclaimed.begin());
    }
    // Joining another stream: start in the middle, so that both write long runs of ordered keys.
    return table.copying == 0 ? 0 : static_cast<int>(table.unclaimed.size() / 2);
}

Work WorkQueue::claim_chunk(StreamState& stream, TableState& table) {
    const auto place = table.unclaimed.begin() + place_for(stream, table);
    const int number = *place;
    table.unclaimed.erase(place);
    ++table.copying;
    stream.table = table.plan->number;
    stream.last_chunk = number;
    Work work;
    work.chunks.push_back({table.plan, &table.plan->chunks[static_cast<std::size_t>(number)]});
    return work;
}

std::optional<Work> WorkQueue::next_copy(StreamState& stream) {
    if (stream.table >= 0) {
        auto& own = tables_[static_cast<std::size_t>(stream.table)];
        if (!own.unclaimed.empty()) return claim_chunk(stream, own);
    }
    TableState* best = nullptr;
    for (auto& table : tables_) {
        if (table.unclaimed.empty()) continue;
        const bool alone = table.copying == 0;
        const bool best_alone = best != nullptr && best->copying == 0;
        if (best == nullptr || (alone && !best_alone) ||
            (alone == best_alone && path(table) > path(*best))) {
            best = &table;
        }
    }
    // Large objects and small tables fill the time while big tables have a stream each.
    const bool fill = best == nullptr || best->copying > 0;
    if (!objects_.empty() && (fill || streams_.size() == 1)) {
        Work work;
        work.kind = Work::Kind::large_objects;
        work.objects = objects_.front();
        objects_.pop_front();
        return work;
    }
    if (!groups_.empty() && fill) {
        Work work = std::move(groups_.front());
        groups_.pop_front();
        return work;
    }
    if (best == nullptr) return std::nullopt;
    return claim_chunk(stream, *best);
}

/// Whether a loaded table has something to do now.
bool WorkQueue::has_build(const TableState& table) const {
    if (!table.indexes.empty() || table.pieces_begun < table.pieces) return true;
    const bool to_finish = options_.finish && !table.finished && !table.finishing;
    // What adds constraints locks the table.
    return to_finish && table.building == 0 && table.read_back();
}

std::optional<Work> WorkQueue::next_build(double more_than) {
    TableState* best = nullptr;
    for (auto& table : tables_) {
        if (!table.copied() || table.index_left < more_than || !has_build(table)) continue;
        if (best == nullptr || table.index_left > best->index_left) best = &table;
    }
    if (best == nullptr) return std::nullopt;
    Work work;
    work.table = best->plan;
    if (best->indexes.empty() && best->pieces_begun < best->pieces) {
        work.kind = Work::Kind::read_back;
        work.pieces = best->pieces;
        work.piece = best->pieces_begun++;
        ++best->reading;
        return work;
    }
    if (best->indexes.empty()) {
        work.kind = Work::Kind::finish;
        best->finishing = true;
        return work;
    }
    work.kind = Work::Kind::build_index;
    work.index = best->indexes.front();
    best->indexes.erase(best->indexes.begin());
    // An index that grew while the catalog was read may be larger than all of the table's were.
    best->index_left = std::max(
        0.0, best->index_left - kIndexCostPerByte * static_cast<double>(work.index->bytes));
    ++best->building;
    return work;
}

std::optional<Work> WorkQueue::take(int stream_number) {
    std::unique_lock lock(mutex_);
    auto& stream = streams_[static_cast<std::size_t>(stream_number)];
    for (;;) {
        if (stopped_ || error_) return std::nullopt;
        if (copying_over() && !announced_) {
            announced_ = true;
            lock.unlock();
            options_.on_all_copied();
            lock.lock();
            changed_.notify_all();
        }
        if (announced_ && !stream.source_released) {
            stream.source_released = true;
            Work work;
            work.kind = Work::Kind::release_source;
            ++busy_;
            return work;
        }
        double longest_copy = 0;
        for (const auto& table : tables_) {
            if (!table.unclaimed.empty()) longest_copy = std::max(longest_copy, path(table));
        }
        auto work = next_build(longest_copy);
        if (!work) work = next_copy(stream);
        if (!work) work = next_build(0);
        if (work) {
            if (work->kind == Work::Kind::copy || work->kind == Work::Kind::large_objects) {
                ++copies_in_hand_;
            }
            ++busy_;
            work->idle_streams = static_cast<int>(streams_.size()) - busy_;
            return work;
        }
        if (copying_over() && announced_ && busy_ == 0) return std::nullopt;
        changed_.wait(lock);
    }
}

void WorkQueue::done(int, const Work& work) {
    const std::lock_guard guard(mutex_);
    --busy_;
    switch (work.kind) {
        case Work::Kind::copy:
            --copies_in_hand_;
            for (const auto& [plan, chunk] : work.chunks) {
                auto& table = tables_[static_cast<std::size_t>(plan->number)];
                --table.copying;
                table.copy_left -= static_cast<double>(chunk->bytes);
                if (work.finish_too) {
                    table.finished = true;
                    count(1, 1);
                } else if (table.copied()) {
                    copied(table);
                }
            }
            break;
        case Work::Kind::large_objects:
            --copies_in_hand_;
            break;
        case Work::Kind::build_index:
            --tables_[static_cast<std::size_t>(work.table->number)].building;
            break;
        case Work::Kind::read_back:
            --tables_[static_cast<std::size_t>(work.table->number)].reading;
            break;
        case Work::Kind::finish: {
            auto& table = tables_[static_cast<std::size_t>(work.table->number)];
            table.finishing = false;
            table.finished = true;
            count(0, 1);
            break;
        }
        case Work::Kind::release_source:
            break;
    }
    changed_.notify_all();
}

void WorkQueue::fail(std::exception_ptr error) {
    const std::lock_guard guard(mutex_);
    if (!error_) error_ = std::move(error);
    changed_.notify_all();
}

void WorkQueue::stop() {
    const std::lock_guard guard(mutex_);
    stopped_ = true;
    changed_.notify_all();
}

void WorkQueue::rethrow() const {
    const std::lock_guard guard(mutex_);
    if (error_) std::rethrow_exception(error_);
}

bool WorkQueue::all_copied() const {
    const std::lock_guard guard(mutex_);
    return copying_over() && std::all_of(tables_.begin(), tables_.end(),
                                         [](const auto& table) { return table.read_back(); });
}

bool WorkQueue::all_done() const {
    const std::lock_guard guard(mutex_);
    return copying_over() && busy_ == 0 &&
           (!options_.finish || std::all_of(tables_.begin(), tables_.end(),
                                            [](const TableState& t) { return t.finished; }));
}

bool WorkQueue::ended() const {
    const std::lock_guard guard(mutex_);
    return stopped_ || error_ != nullptr;
}

}  // namespace pghaul::loader
