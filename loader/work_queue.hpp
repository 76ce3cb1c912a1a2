// Hands out the work of a copy to its streams: chunks, large objects, index builds, table ends,
// foreign keys.
// Longest remaining path first (copy plus indexes of a table), different tables side by side, and
// a stream stays on its table in key order while it can, which keeps index builds cheap.
// Where chunks go through files (spool_rules.hpp), it also hands chunks to the readers that fill
// these, within their limit, and the files to the streams that load them.
// work_queue.cpp keeps the state, work_queue_next.cpp chooses, work_queue_spool.cpp is about files,
// work_queue_shared.cpp about other processes.
// Thread: any; one mutex, held for microseconds.
#pragma once

#include <chrono>
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
#include "loader/key_queue.hpp"
#include "loader/spool_rules.hpp"
#include "loader/work.hpp"
#include "snapshot/claims.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

class WorkQueue {
  public:
    struct Options {
        int streams = 1;
        /// False: copy only (--until copied).
        bool finish = true;
        /// Counts tables as they are loaded and finished, if given.
        io::RunProgress* progress = nullptr;
        /// Called once, by a stream or reader, when the last row has been read from the source.
        /// Files may still wait to be loaded.
        std::function<void()> on_all_read = [] {};
        /// Reads tables back as soon as they are loaded: in how many pieces each, by its number;
        /// those not in it are not read.
        std::map<int, int> read_back = {};
        SpoolRules spool = {};
        /// Of a worker, which helps a run: chunks, groups of small tables and indexes, nothing
        /// that only one may do.
        bool helper = false;
        /// Makes foreign keys, too, as far as that can be done now (key_queue.hpp).
        bool foreign_keys = false;
    };

    /// Requires: plan outlives the queue.
    WorkQueue(const snapshot::Plan& plan, const snapshot::LoadedChunks& loaded,
              const std::set<int>& finished, Options options);

    /// The next work for a stream; waits while others may still make some. Empty: stop.
    std::optional<Work> take(int stream);
    void done(int stream, const Work& work);
    /// Instead of done(): the file turned out to be damaged, so the chunk is to be read again.
    /// Returns false if that can't be, since the source has been let go.
    bool hand_back(int stream, const Work& work);

    /// Instead of done(): another process has claimed it (snapshot/claims.hpp).
    void elsewhere(const Work& work);
    /// The same for some of a work's chunks: those that are left of it go on.
    void elsewhere(const std::vector<TableChunk>& some);
    /// All that other processes have in hand, as far as it was met with.
    struct Elsewhere {
        snapshot::ChunkKeys chunks;
        std::vector<std::pair<const snapshot::TablePlan*, const snapshot::IndexInfo*>> indexes;
        bool empty() const { return chunks.empty() && indexes.empty(); }
    };
    Elsewhere elsewhere() const;
    /// What has become of it. Returns files that nobody needs any more.
    std::vector<SpoolFile> settle(const snapshot::ChunkStates& chunks);
    /// built: false means that whoever built it is gone.
    void settle_index(const snapshot::TablePlan& table, const snapshot::IndexInfo& index,
                      bool built);

    /// The next chunk for a reader to bring into a file, of kind `spool`; waits until there is one
    /// and room for it. Empty: stop.
    std::optional<Work> take_to_spool(int reader);
    /// The chunk is in a sealed file and may be loaded.
    void spooled(const Work& work, SpoolFile file);
    enum class NotSpooled {
        source,   // could not be read: try again
        no_room,  // is larger than all files may be: not through a file again
        disk,     // can't be written: no more files for a while, chunks are read directly
    };
    void not_spooled(const Work& work, NotSpooled why);
    /// Room for a file that becomes larger than its chunk was thought to be. Waits for files to be
    /// loaded; false: there are none to wait for.
    bool make_room(const Work& work, std::int64_t file_bytes);
    /// SpoolMode::automatic: the target is what the copy waits for. It is forgotten when the target
    /// has loaded all files.
    /// Returns false if that is known.
    bool begin_spooling();
    /// No more files in this run: what is not read yet is read directly.
    void end_spooling();

    /// Ends the run: every take() returns empty from now on. The first error is kept.
    void fail(std::exception_ptr error);
    /// Ends it tidily: work in hand is finished, no more is handed out.
    void stop();

    /// Partitioned tables that have their statistics, quoted.
    std::set<std::string> analyzed() const;
    /// Rethrows what fail() was given first.
    void rethrow() const;
    /// Share of the copying and index building that this queue began with, by what it costs: 0
    /// to 1.
    double share_done() const;
    bool all_done() const;
    /// Loaded and, where that is wanted, read back.
    bool all_copied() const;
    /// True once fail() or stop() was called.
    bool ended() const;
    const SpoolRules& spool_rules() const noexcept { return options_.spool; }
    int streams() const noexcept { return options_.streams; }

  private:
    struct TableState {
        const snapshot::TablePlan* plan = nullptr;
        std::vector<int> unclaimed;      // chunk numbers, ascending
        std::map<int, SpoolFile> files;  // of chunks, ready to be loaded
        std::set<int> directly;          // chunks that go through no file
        int spooling = 0;                // chunks being read into files
        int copying = 0;                 // chunks being loaded, from the source or a file
        /// Chunks that another process loads, with the file that this one has of them.
        std::map<int, std::optional<SpoolFile>> elsewhere;
        std::vector<const snapshot::IndexInfo*> indexes;  // to build before the end
        std::vector<const snapshot::IndexInfo*> built_elsewhere;
        int building = 0;
        int pieces = 0;
        int pieces_begun = 0;
        int reading = 0;
        bool finishing = false;
        bool finished = false;
        double copy_left = 0;   // cost
        double index_left = 0;  // cost

        bool copied() const {
            return unclaimed.empty() && files.empty() && elsewhere.empty() && spooling == 0 &&
                   copying == 0;
        }
        bool alone() const { return spooling == 0 && copying == 0 && elsewhere.empty(); }
        bool read_back() const { return pieces_begun == pieces && reading == 0; }
    };
    /// A partitioned table gets its statistics when all its leaves have their ends.
    struct RootState {
        std::vector<std::size_t> leaves;  // places in tables_
        bool begun = false;
        bool done = false;
    };
    struct StreamState {
        int table = -1;
        int last_chunk = -1;
        bool source_released = false;
    };

    void group_small_tables();
    void collect_roots();
    void put_files_in_place();
    static double index_cost(std::int64_t bytes);
    std::optional<Work> next_copy(StreamState& stream);
    std::optional<Work> next_filler();
    bool has_build(const TableState& table) const;
    int idle_for_build() const;
    int helpers_wanted(const snapshot::IndexInfo& index) const;
    std::optional<Work> next_build(double more_than);
    std::optional<Work> next_root();
    std::optional<Work> next_keys();
    TableState* best_table(const StreamState& stream,
                           const std::function<bool(const TableState&)>& wanted);
    enum class Way { directly, through_file };
    std::vector<int> unclaimed(const TableState& table, Way way) const;
    int next_number(const StreamState& stream, const TableState& table,
                    const std::vector<int>& numbers) const;
    Work claim(StreamState& stream, TableState& table, int number);
    Work claim_file(StreamState& stream, TableState& table);
    double path(const TableState& table) const { return table.copy_left + table.index_left; }
    void copied(TableState& table);
    void count(int loaded, int finished) const;
    bool all_claimed() const;
    bool reading_over() const;
    bool copying_over() const;
    void announce(std::unique_lock<std::mutex>& lock);
    void leave_to_the_run(TableState& table);
    void read_back_alone(TableState& table);
    void note_elsewhere(const TableChunk& one, const std::optional<SpoolFile>& file);
    TableState& table_of(const Work& work);
    void forget_file(const SpoolFile& file);
    void stop_spooling_if_caught_up();
    bool spooling_now() const;
    bool ended_locked() const { return stopped_ || error_ != nullptr; }

    Options options_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<TableState> tables_;
    double cost_at_start_ = 0;
    std::map<std::string, RootState> roots_;  // by their quoted names
    KeyQueue keys_;
    std::deque<Work> groups_;                 // of small tables
    std::deque<const snapshot::LargeObjectChunk*> objects_;
    std::vector<StreamState> streams_;
    std::vector<StreamState> readers_;
    int reads_in_hand_ = 0;  // of the source, by streams and readers
    int loads_in_hand_ = 0;  // of files
    int busy_ = 0;           // streams

    bool spooling_ = false;
    bool spooling_ended_ = false;
    std::chrono::steady_clock::time_point spool_again_at_;
    /// Room given to files being written, and what all files take, these included.
    std::map<std::pair<int, int>, std::int64_t> reserved_;
    std::int64_t spool_bytes_ = 0;
    int files_ = 0;              // sealed, and not removed yet
    int files_since_begin_ = 0;  // sealed since spooling began
    bool announced_ = false;
    bool stopped_ = false;
    std::exception_ptr error_;
};

}  // namespace pghaul::loader
