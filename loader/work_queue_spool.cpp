// The part of the queue that knows of files: which chunks go through one, who fills it, who loads
// it, and how much room all of them take.
#include <algorithm>

#include "loader/work_queue.hpp"

namespace pghaul::loader {
namespace {

using Clock = std::chrono::steady_clock;

// A disk that is full now may be less so later; until then the source is read as fast as the
// target takes rows.
constexpr std::chrono::seconds kDiskPause{30};
// A file that outgrows its chunk's estimate asks for room in steps of this many bytes.
constexpr std::int64_t kRoomStep = std::int64_t{8} << 20;

std::pair<int, int> key_of(const Work& work) {
    const auto& one = work.chunks.front();
    return {one.table->number, one.chunk->number};
}

}  // namespace

/// What earlier runs left is loaded instead of read; what is larger than all files may be together
/// goes through none.
void WorkQueue::put_files_in_place() {
    spooling_ = options_.spool.mode == SpoolMode::always;
    for (auto& table : tables_) {
        for (const auto& chunk : table.plan->chunks) {
            if (chunk.bytes > options_.spool.limit_bytes) table.directly.insert(chunk.number);
        }
    }
    for (const auto& [key, file] : options_.spool.files) {
        auto& table = tables_[static_cast<std::size_t>(key.first)];
        if (std::erase(table.unclaimed, key.second) == 0) continue;
        table.files.emplace(key.second, file);
        spool_bytes_ += file.bytes;
        ++files_;
    }
}

bool WorkQueue::spooling_now() const { return spooling_ && Clock::now() >= spool_again_at_; }

WorkQueue::TableState& WorkQueue::table_of(const Work& work) {
    return tables_[static_cast<std::size_t>(work.chunks.front().table->number)];
}

/// The unclaimed chunks that may be taken now, by a stream or by a reader.
std::vector<int> WorkQueue::unclaimed(const TableState& table, Way way) const {
    const bool any =
        way == Way::directly && !(options_.spool.mode == SpoolMode::always && spooling_now());
    if (any) return table.unclaimed;
    std::vector<int> numbers;
    std::copy_if(
        table.unclaimed.begin(), table.unclaimed.end(), std::back_inserter(numbers),
        [&](int number) { return table.directly.contains(number) == (way == Way::directly); });
    return numbers;
}

Work WorkQueue::claim_file(StreamState& stream, TableState& table) {
    std::vector<int> numbers;
    for (const auto& [number, file] : table.files) numbers.push_back(number);
    const int number = next_number(stream, table, numbers);
    auto work = claim(stream, table, number);
    work.spooled = table.files.extract(number).mapped();
    ++table.copying;
    return work;
}

void WorkQueue::forget_file(const SpoolFile& file) {
    spool_bytes_ -= file.bytes;
    --files_;
}

/// Requires: no file waits to be loaded.
void WorkQueue::stop_spooling_if_caught_up() {
    if (options_.spool.mode == SpoolMode::automatic && files_since_begin_ > 0) spooling_ = false;
}

bool WorkQueue::hand_back(int, const Work& work) {
    const std::lock_guard guard(mutex_);
    auto& table = table_of(work);
    --busy_;
    --loads_in_hand_;
    --table.copying;
    forget_file(*work.spooled);
    if (announced_) return false;
    const int number = work.chunks.front().chunk->number;
    table.unclaimed.insert(std::upper_bound(table.unclaimed.begin(), table.unclaimed.end(), number),
                           number);
    changed_.notify_all();
    return true;
}

std::optional<Work> WorkQueue::take_to_spool(int reader_number) {
    std::unique_lock lock(mutex_);
    auto& reader = readers_[static_cast<std::size_t>(reader_number)];
    for (;;) {
        if (ended_locked() || spooling_ended_) return std::nullopt;
        announce(lock);
        if (announced_) return std::nullopt;
        if (spooling_ && !spooling_now()) {
            changed_.wait_until(lock, spool_again_at_);
            continue;
        }
        TableState* table = nullptr;
        if (spooling_) {
            table = best_table(reader, [&](const TableState& each) {
                return !unclaimed(each, Way::through_file).empty();
            });
        }
        if (table != nullptr) {
            const int number = next_number(reader, *table, unclaimed(*table, Way::through_file));
            const auto bytes = table->plan->chunks[static_cast<std::size_t>(number)].bytes;
            if (spool_bytes_ + bytes <= options_.spool.limit_bytes) {
                auto work = claim(reader, *table, number);
                work.kind = Work::Kind::spool;
                reserved_[key_of(work)] = bytes;
                spool_bytes_ += bytes;
                ++table->spooling;
                ++reads_in_hand_;
                return work;
            }
        }
        changed_.wait(lock);
    }
}

void WorkQueue::spooled(const Work& work, SpoolFile file) {
    const std::lock_guard guard(mutex_);
    auto& table = table_of(work);
    --table.spooling;
    --reads_in_hand_;
    spool_bytes_ += file.bytes - reserved_.extract(key_of(work)).mapped();
    ++files_;
    ++files_since_begin_;
    table.files.emplace(work.chunks.front().chunk->number, std::move(file));
    changed_.notify_all();
}

void WorkQueue::not_spooled(const Work& work, NotSpooled why) {
    const std::lock_guard guard(mutex_);
    auto& table = table_of(work);
    const int number = work.chunks.front().chunk->number;
    --table.spooling;
    --reads_in_hand_;
    spool_bytes_ -= reserved_.extract(key_of(work)).mapped();
    table.unclaimed.insert(std::upper_bound(table.unclaimed.begin(), table.unclaimed.end(), number),
                           number);
    if (why == NotSpooled::no_room) table.directly.insert(number);
    if (why == NotSpooled::disk) spool_again_at_ = Clock::now() + kDiskPause;
    changed_.notify_all();
}

bool WorkQueue::make_room(const Work& work, std::int64_t file_bytes) {
    std::unique_lock lock(mutex_);
    auto& reserved = reserved_.at(key_of(work));
    while (file_bytes > reserved) {
        const auto wanted = std::max(file_bytes - reserved, kRoomStep);
        const auto free = options_.spool.limit_bytes - spool_bytes_;
        if (const auto more = std::min(wanted, free); more >= file_bytes - reserved) {
            reserved += more;
            spool_bytes_ += more;
            break;
        }
        // Only a file that is loaded makes room. Where none is left, all that is there are files
        // being written, which would wait for each other.
        if (files_ == 0 || ended_locked()) return false;
        changed_.wait(lock);
    }
    return true;
}

bool WorkQueue::begin_spooling() {
    const std::lock_guard guard(mutex_);
    if (spooling_ || spooling_ended_ || all_claimed()) return false;
    spooling_ = true;
    files_since_begin_ = 0;
    changed_.notify_all();
    return true;
}

void WorkQueue::end_spooling() {
    const std::lock_guard guard(mutex_);
    spooling_ended_ = true;
    spooling_ = false;
    changed_.notify_all();
}

}  // namespace pghaul::loader
