#include "loader/work_queue.hpp"

#include <algorithm>

#include "io/sql.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Method;
using snapshot::TablePlan;

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
            state.index_left = index_cost(table.info.index_bytes);
        }
        tables_.push_back(std::move(state));
    }
    for (const auto& chunk : plan.large_objects) {
        if (!options_.helper && !loaded.large_objects.contains(chunk.number))
            objects_.push_back(&chunk);
    }
    if (options_.finish && !options_.helper) collect_roots();
    if (options_.finish && options_.foreign_keys) keys_ = KeyQueue(plan);
    put_files_in_place();
    group_small_tables();
    for (auto& table : tables_) {
        if (options_.helper && table.finished) leave_to_the_run(table);
        if (options_.helper) table.pieces = 0;
        if (table.copied()) copied(table);
        if (table.finished) count(0, 1);
        cost_at_start_ += path(table);
    }
}

/// Those with a leaf that is not to be finished here are left to the run's last step.
void WorkQueue::collect_roots() {
    std::set<std::string> left;
    for (std::size_t i = 0; i < tables_.size(); ++i) {
        const auto& info = tables_[i].plan->info;
        if (info.root_name.empty()) continue;
        const auto name = io::quote_qualified(info.root_schema, info.root_name);
        roots_[name].leaves.push_back(i);
        if (tables_[i].finished) left.insert(name);
    }
    for (const auto& name : left) roots_.erase(name);
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
        case Work::Kind::foreign_keys:
            keys_.done(work);
            break;
        case Work::Kind::analyze_root:
            roots_.at(work.root).done = true;
            break;
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

std::set<std::string> WorkQueue::analyzed() const {
    const std::lock_guard guard(mutex_);
    std::set<std::string> names;
    for (const auto& [name, root] : roots_) {
        if (root.done) names.insert(name);
    }
    return names;
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

double WorkQueue::share_done() const {
    const std::lock_guard guard(mutex_);
    if (cost_at_start_ <= 0) return 1;
    double left = 0;
    for (const auto& table : tables_) left += path(table);
    return 1 - left / cost_at_start_;
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
