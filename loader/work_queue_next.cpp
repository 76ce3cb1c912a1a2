// The part of the queue that chooses: what a stream does next.
#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "loader/work_queue.hpp"

namespace pghaul::loader {

// Relative cost per byte: loading a row costs more than indexing it, but an index holds few bytes
// of a row. Measured with bench/dataset.sql on PostgreSQL 15.
double WorkQueue::index_cost(std::int64_t bytes) {
    constexpr double kCostPerByte = 2.0;
    return kCostPerByte * static_cast<double>(bytes);
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
    // A worker begins at the other end, so that it seldom meets the run.
    const auto next = options_.helper ? std::prev(groups_.end()) : groups_.begin();
    work = std::move(*next);
    groups_.erase(next);
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

/// How many more processes the build should have so that it takes no longer than what is left
/// takes all streams: else the run ends with one core at work.
int WorkQueue::helpers_wanted(const snapshot::IndexInfo& index) const {
    // Of two indexes with as many bytes one may be three times as dear: numerics that are compared
    // after equal dates against integers.
    constexpr double kDearer = 2.0;
    double left = 0;
    for (const auto& table : tables_) left += path(table);
    const double share = left / static_cast<double>(streams_.size());
    if (share <= 0) return 0;
    return static_cast<int>(kDearer * index_cost(index.bytes) / share);
}

/// Idle streams that a build may count as its own: those that can begin beside it count, too.
int WorkQueue::idle_for_build() const {
    const int idle = static_cast<int>(streams_.size()) - busy_;
    int builds = 1;
    for (const auto& table : tables_) {
        if (table.copied()) builds += static_cast<int>(table.indexes.size());
    }
    return (idle + builds - 1) / builds;
}

std::optional<Work> WorkQueue::next_build(double more_than) {
    // First among equals: what foreign keys wait for, then leaves of a partitioned table, whose
    // statistics wait for all of them.
    const auto rank = [&](const TableState& table) {
        return std::tuple(table.index_left, keys_.waiting_for(table.plan->number),
                          !table.plan->info.root_name.empty());
    };
    TableState* best = nullptr;
    for (auto& table : tables_) {
        if (!table.copied() || table.index_left < more_than || !has_build(table)) continue;
        if (best == nullptr || rank(table) > rank(*best)) best = &table;
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
    work.helpers_wanted = helpers_wanted(*work.index);
    // An index that grew while the catalog was read may be larger than all of the table's were.
    best->index_left = std::max(0.0, best->index_left - index_cost(work.index->bytes));
    ++best->building;
    return work;
}

std::optional<Work> WorkQueue::next_root() {
    for (auto& [name, root] : roots_) {
        if (root.begun || keys_.in_hand(name)) continue;
        if (!std::all_of(root.leaves.begin(), root.leaves.end(),
                         [&](std::size_t leaf) { return tables_[leaf].finished; }))
            continue;
        root.begun = true;
        Work work;
        work.kind = Work::Kind::analyze_root;
        work.root = name;
        return work;
    }
    return std::nullopt;
}

std::optional<Work> WorkQueue::next_keys() {
    return keys_.next(
        [&](int number) { return tables_[static_cast<std::size_t>(number)].finished; },
        [&](const std::string& name) {
            const auto root = roots_.find(name);
            return root != roots_.end() && root->second.begun && !root->second.done;
        });
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
        // More than nothing: what is left of a table without its indexes is quick, and waits until
        // all rows are here, so that the source is let go early.
        double longest_copy = 1;
        for (const auto& table : tables_) {
            if (table.unclaimed.empty() && table.files.empty()) continue;
            longest_copy = std::max(longest_copy, path(table));
        }
        auto work = next_build(longest_copy);
        if (!work) work = next_copy(stream);
        // Nothing follows these, but they can't be shared out: not as the very last.
        if (!work) work = next_keys();
        if (!work) work = next_root();
        if (!work) work = next_build(0);
        if (work) {
            if (work->reads_source()) ++reads_in_hand_;
            if (work->spooled) ++loads_in_hand_;
            work->leaves_source = work->spooled || (!work->reads_source() && all_claimed());
            ++busy_;
            work->idle_streams = idle_for_build();
            return work;
        }
        const bool others_build = std::any_of(tables_.begin(), tables_.end(), [](const auto& t) {
            return !t.built_elsewhere.empty();
        });
        if (copying_over() && announced_ && busy_ == 0 && !others_build) return std::nullopt;
        changed_.wait(lock);
    }
}

}  // namespace pghaul::loader
