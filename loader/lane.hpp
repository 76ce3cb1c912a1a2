// A stream: one thread with its own sessions on both servers and its own task arena, which takes
// work from the queue until there is none. The one place where an error is answered by doing the
// work again (bounded, with backoff, on fresh connections); what can't be retried ends the run.
// Thread: run() is the body of the stream's thread; nothing of it is shared but what it is given.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "io/connection.hpp"
#include "io/progress.hpp"
#include "io/transaction.hpp"
#include "loader/copy_chunk.hpp"
#include "loader/lane_source.hpp"
#include "loader/read_back.hpp"
#include "loader/spool_folder.hpp"
#include "loader/work_queue.hpp"
#include "snapshot/journal.hpp"

namespace pghaul::loader {

inline constexpr std::chrono::minutes kLaneLockTimeout{10};

/// What all streams of a run share.
struct LaneSetup {
    const io::ConnInfo& source;
    const io::ConnInfo& target;
    const snapshot::Plan& plan;
    /// The exported snapshot; empty if nothing is left to read.
    std::string exported;
    snapshot::JobTicket ticket;
    io::RunProgress& progress;
    const io::Interrupt& interrupt;
    /// Units: kB, for index builds.
    std::int64_t maintenance_work_mem_kb = 65536;
    bool no_owner = false;
    bool no_privileges = false;
    /// See CopyRequest; empty without capture.
    std::function<bool(snapshot::Oid)> truncated_since;
    /// What the queue asks for with Work::Kind::read_back.
    ReadBack& read_back;
    /// Large objects are read again in the transaction that makes them.
    bool read_objects_back = false;
    /// default_toast_compression on the target; empty: the server's own.
    std::string toast_compression;
    /// How agents that bring the rows are started; null: rows come over connections of our own.
    const io::AgentCommand* via = nullptr;
    /// The files to read instead of the source; null: there are none.
    const ExportFiles* files = nullptr;
    /// Where files with chunks are, and what the snapshot shows, which their names hold.
    const SpoolFolder& spool;
    std::string visible;
};

/// The part of it that says where rows come from.
RowsFrom rows_from(const LaneSetup& setup);

class Lane {
  public:
    Lane(int number, const LaneSetup& setup, WorkQueue& queue);

    /// Never throws: an error goes to WorkQueue::fail.
    void run() noexcept;

  private:
    bool perform_with_retry(Work& work);
    bool perform(Work& work);
    bool claim(Work& work);
    bool copy(Work& work);
    bool load(Work& work);
    void commit(io::Transaction& transaction, const snapshot::CopyMarks& marks);
    void remove_file(const SpoolFile& file);
    bool give_up_file(const Work& work, const io::Error& damage);
    void leave_source() noexcept;
    CopyRequest request_for(const TableChunk& one) const;
    std::vector<std::string> copies_at_once(const std::vector<TableChunk>& chunks) const;
    void complete(const Work& work, const std::vector<ReadBack::Sent>& sent,
                  snapshot::CopyMarks& marks);
    void copy_objects(const Work& work);
    bool settled(const Work& work);
    io::Connection& target();
    void close_connections() noexcept;

    int number_;
    const LaneSetup& setup_;
    WorkQueue& queue_;
    io::StreamProgress& progress_;
    LaneSource source_;
    std::optional<io::Connection> target_;
    bool committing_ = false;
};

}  // namespace pghaul::loader
