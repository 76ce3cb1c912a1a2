// Hands out the work of a copy to its streams: chunks, large objects, index builds, table ends.
// Longest remaining path first (copy plus indexes of a table), different tables side by side, and
// a stream stays on its table in key order while it can, which keeps index builds cheap.
// Thread: any; one mutex, held for microseconds.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/progress.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

struct TableChunk {
    const snapshot::TablePlan* table = nullptr;
    const snapshot::Chunk* chunk = nullptr;
};

struct Work {
    enum class Kind {
        copy,            // `chunks`, all in one target transaction
        large_objects,   // `objects`
        build_index,     // `index` of `table`
        read_back,       // `piece` of `table`: does the target hold what was sent?
        finish,          // constraints and statistics of `table`
        release_source,  // nothing is left to read: end the source session
    };
    Kind kind = Kind::copy;
    std::vector<TableChunk> chunks;
    const snapshot::LargeObjectChunk* objects = nullptr;
    const snapshot::TablePlan* table = nullptr;
    const snapshot::IndexInfo* index = nullptr;
    /// copy only: small tables that are finished in the same transaction.
    bool finish_too = false;
    /// copy only: read the rows again in the same transaction.
    bool read_back_too = false;
    /// read_back only: which of how many.
    int piece = 0;
    int pieces = 0;
    /// build_index only: streams that have nothing else to do.
    int idle_streams = 0;

    /// For messages: "copy public.t [1, 9)".
    std::string display() const;
};

class WorkQueue {
  public:
    struct Options {
        int streams = 1;
        /// False: copy only (--until copied).
        bool finish = true;
        /// Counts tables as they are loaded and finished, if given.
        io::RunProgress* progress = nullptr;
        /// Called once, by a stream, when the last chunk has been read and loaded.
        std::function<void()> on_all_copied = [] {};
        /// Reads tables back as soon as they are loaded: in how many pieces each, by its number;
        /// those not in it are not read.
        std::map<int, int> read_back = {};
    };

    /// Requires: plan outlives the queue.
    WorkQueue(const snapshot::Plan& plan, const snapshot::LoadedChunks& loaded,
              const std::set<int>& finished, Options options);

    /// The next work for a stream; waits while others may still make some. Empty: stop.
    std::optional<Work> take(int stream);
    void done(int stream, const Work& work);
    /// Ends the run: every take() returns empty from now on. The first error is kept.
    void fail(std::exception_ptr error);
    /// Ends it tidily: work in hand is finished, no more is handed out.
    void stop();

    /// Rethrows what fail() was given first.
    void rethrow() const;
    bool all_done() const;
    /// Loaded and, where that is wanted, read back.
    bool all_copied() const;
    /// True once fail() or stop() was called.
    bool ended() const;

  private:
    struct TableState {
        const snapshot::TablePlan* plan = nullptr;
        std::vector<int> unclaimed;  // chunk numbers, ascending
        int copying = 0;
        std::vector<const snapshot::IndexInfo*> indexes;  // to build before the end
        int building = 0;
        int pieces = 0;
        int pieces_begun = 0;
        int reading = 0;
        bool finishing = false;
        bool finished = false;
        double copy_left = 0;   // cost
        double index_left = 0;  // cost

        bool copied() const { return unclaimed.empty() && copying == 0; }
        bool read_back() const { return pieces_begun == pieces && reading == 0; }
    };
    struct StreamState {
        int table = -1;
        int last_chunk = -1;
        bool source_released = false;
    };

    void group_small_tables();
    std::optional<Work> next_copy(StreamState& stream);
    bool has_build(const TableState& table) const;
    std::optional<Work> next_build(double more_than);
    Work claim_chunk(StreamState& stream, TableState& table);
    int place_for(const StreamState& stream, const TableState& table) const;
    double path(const TableState& table) const { return table.copy_left + table.index_left; }
    void copied(TableState& table);
    void count(int loaded, int finished) const;
    bool copying_over() const;

    Options options_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<TableState> tables_;
    std::deque<Work> groups_;  // of small tables
    std::deque<const snapshot::LargeObjectChunk*> objects_;
    std::vector<StreamState> streams_;
    int copies_in_hand_ = 0;
    int busy_ = 0;
    bool announced_ = false;
    bool stopped_ = false;
    std::exception_ptr error_;
};

}  // namespace pghaul::loader
