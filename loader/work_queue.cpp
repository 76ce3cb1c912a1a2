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

WorkQueue::WorkQueue(const snapshot::Plan& plan, const snapshot::LoadedChunks& loaded,
                     const std::set<int>& finished, Options options)
    : options_(std::move(options)),
      streams_(static_cast<std::size_t>(options_.streams)),
      readers_(static_cast<std::size_t>(options_.spool.readers)) {
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
        if (!options_.helper && !loaded.large_objects.contains(chunk.number))
            objects_.push_back(&chunk);
    }
    put_files_in_place();
    if (!options_.helper) group_small_tables();
    for (auto& table : tables_) {
        if (options_.helper && (is_small(*table.plan) || table.finished)) leave_to_the_run(table);
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

bool WorkQueue::all_claimed() const {
    return groups_.empty() && objects_.empty() &&
           std::all_of(tables_.begin(), tables_.end(),
                       [](const TableState& table) { return table.unclaimed.empty(); });
}

bool WorkQueue::reading_over() const {
    // A chunk that another process reads comes back if that process dies.
    return reads_in_hand_ == 0 && all_claimed() &&
           std::all_of(tables_.begin(), tables_.end(), [](const TableState& table) {
               return std::all_of(table.elsewhere.begin(), table.elsewhere.end(),
                                  [](const auto& one) { return one.second.has_value(); });
           });
}

bool WorkQueue::copying_over() const {
    return reading_over() && loads_in_hand_ == 0 &&
           std::all_of(tables_.begin(), tables_.end(), [](const TableState& table) {
               return table.files.empty() && table.elsewhere.empty();
           });
}

/// Tells once that nobody needs the source's rows any more.
void WorkQueue::announce(std::unique_lock<std::mutex>& lock) {
    if (announced_ || !reading_over()) return;
    announced_ = true;
    lock.unlock();
    options_.on_all_read();
    lock.lock();
    changed_.notify_all();
}

/// The stream's own table if it is wanted, else the longest path, first of those that nobody is on.
WorkQueue::TableState* WorkQueue::best_table(const StreamState& stream,
                                             const std::function<bool(const TableState&)>& wanted) {
    if (stream.table >= 0) {
        auto& own = tables_[static_cast<std::size_t>(stream.table)];
        if (wanted(own)) return &own;
    }
    TableState* best = nullptr;
    for (auto& table : tables_) {
        if (!wanted(table)) continue;
        const bool best_alone = best != nullptr && best->alone();
        if (best == nullptr || (table.alone() && !best_alone) ||
            (table.alone() == best_alone && path(table) > path(*best))) {
            best = &table;
        }
    }
    return best;
}

int WorkQueue::next_number(const StreamState& stream, const TableState& table,
                           const std::vector<int>& numbers) const {
    // Staying on the table: the next chunk in key order after the last one, if it is still free.
    if (stream.table == table.plan->number) {
        const auto next = std::upper_bound(numbers.begin(), numbers.end(), stream.last_chunk);
        if (next != numbers.end()) return *next;
    }
    // Joining another stream: start in the middle, so that both write long runs of ordered keys.
    return table.alone() ? numbers.front() : numbers[numbers.size() / 2];
}

Work WorkQueue::claim(StreamState& stream, TableState& table, int number) {
    std::erase(table.unclaimed, number);
    stream.table = table.plan->number;
    stream.last_chunk = number;
    Work work;
    work.chunks.push_back({table.plan, &table.plan->chunks[static_cast<std::size_t>(number)]});
    return work;
}

/// What fills the time while big tables have a stream each: large objects and small tables.
std::optional<Work> WorkQueue::next_filler() {
    Work work;
    if (!objects_.empty()) {
        work.kind = Work::Kind::large_objects;
        work.objects = objects_.front();
        objects_.pop_front();
        return work;
    }
    if (groups_.empty()) return std::nullopt;
    work = std::move(groups_.front());
    groups_.pop_front();
    return work;
}

std::optional<Work> WorkQueue::next_copy(StreamState& stream) {
    // While files are made, what can't go through one is all that keeps hold of the source.
    if (spooling_now()) {
        if (auto work = next_filler()) return work;
    }
    const auto has_file = [](const TableState& table) { return !table.files.empty(); };
    if (auto* table = best_table(stream, has_file)) return claim_file(stream, *table);
    stop_spooling_if_caught_up();
    const auto readable = [&](const TableState& table) {
        return !unclaimed(table, Way::directly).empty();
    };
    auto* best = best_table(stream, readable);
    const bool own = best != nullptr && best->plan->number == stream.table;
    const bool fill = best == nullptr || !best->alone();
    if (!own && (fill || (streams_.size() == 1 && !objects_.empty()))) {
        if (auto work = next_filler()) return work;
    }
    if (best == nullptr) return std::nullopt;
    auto work = claim(stream, *best, next_number(stream, *best, unclaimed(*best, Way::directly)));
    ++best->copying;
    return work;
}

/// Whether a loaded table has something to do now.
bool WorkQueue::has_build(const TableState& table) const {
    if (!table.indexes.empty() || table.pieces_begun < table.pieces) return true;
    const bool to_finish =
        options_.finish && !options_.helper && !table.finished && !table.finishing;
    // What adds constraints locks the table.
    return to_finish && table.building == 0 && table.built_elsewhere.empty() && table.read_back();
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
        if (ended_locked()) return std::nullopt;
        announce(lock);
        if (announced_ && !stream.source_released) {
            stream.source_released = true;
            Work work;
            work.kind = Work::Kind::release_source;
            ++busy_;
            return work;
        }
        double longest_copy = 0;
        for (const auto& table : tables_) {
            if (table.unclaimed.empty() && table.files.empty()) continue;
            longest_copy = std::max(longest_copy, path(table));
        }
        auto work = next_build(longest_copy);
        if (!work) work = next_copy(stream);
        if (!work) work = next_build(0);
        if (work) {
            if (work->reads_source()) ++reads_in_hand_;
            if (work->spooled) ++loads_in_hand_;
            work->leaves_source = work->spooled || (!work->reads_source() && all_claimed());
            ++busy_;
            work->idle_streams = static_cast<int>(streams_.size()) - busy_;
            return work;
        }
        const bool others_build = std::any_of(tables_.begin(), tables_.end(), [](const auto& t) {
            return !t.built_elsewhere.empty();
        });
        if (copying_over() && announced_ && busy_ == 0 && !others_build) return std::nullopt;
        changed_.wait(lock);
    }
}

void WorkQueue::done(int, const Work& work) {
    const std::lock_guard guard(mutex_);
    --busy_;
    if (work.reads_source()) --reads_in_hand_;
    switch (work.kind) {
        case Work::Kind::copy:
            if (work.spooled) {
                --loads_in_hand_;
                forget_file(*work.spooled);
            }
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
        case Work::Kind::large_objects:
        case Work::Kind::release_source:
        case Work::Kind::spool:
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
    return ended_locked();
}

}  // namespace pghaul::loader
