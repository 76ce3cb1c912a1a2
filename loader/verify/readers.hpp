// The sessions of a verification: on each side so many, each in its side's snapshot, each with a
// thread of its own while there is something to read. The two sides don't wait for each other.
// The one place where an error is answered by reading again (bounded, with backoff, on a fresh
// session of the same snapshot).
// Thread: run() from one at a time; what it is given runs in the readers' threads.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "io/progress.hpp"
#include "loader/verify/result.hpp"
#include "loader/verify/tables.hpp"

namespace pghaul::loader {

/// The two snapshots that are compared, as `set transaction snapshot` takes them. Whoever opened
/// them holds them until the verification is over.
struct VerifyMoment {
    std::string source_snapshot;
    std::string target_snapshot;
};

struct VerifySetup {
    const io::ConnInfo& source;
    const io::ConnInfo& target;
    VerifyMoment moment;
    /// For application_name.
    std::string job;
    /// Sessions on each side.
    int jobs = 2;
    io::RunProgress& progress;
    const io::Interrupt& interrupt;
    /// Nobody holds locks on the source's tables: each is locked while a piece of it is read, and
    /// one that is truncated meanwhile is left out; see VerifyResult::truncated.
    bool lock_briefly = false;
    /// With lock_briefly: the one session that reads the source, in the moment's transaction, where
    /// others would wait for the locks that it holds. Null: sessions of our own.
    io::Connection* source_session = nullptr;
};

/// Something to read on one side. perform may be called again after an error: what it tells others
/// it must tell last.
struct ReadItem {
    std::string display;
    /// Units: bytes, estimated, for the progress.
    std::int64_t bytes = 0;
    std::function<void(io::Connection&, io::StreamProgress&)> perform;
    /// Whose rows are read; null: nothing that can be truncated.
    const snapshot::TableInfo* table = nullptr;
};

class Readers {
  public:
    explicit Readers(const VerifySetup& setup);

    /// How all readers see rows from now on.
    void speak(const Dialect& dialect);
    /// Reads all items, each side's in their order. The first error stops the others after their
    /// present item. Throws: io::Error with the item's name; snapshot::SnapshotLost.
    void run(const std::vector<ReadItem>& source_items, const std::vector<ReadItem>& target_items);
    /// Does the same for what is not worth a thread, with the first session of the source. Returns
    /// false if the table was truncated.
    bool with_source(const snapshot::TableInfo& table,
                     const std::function<void(io::Connection&)>& ask);
    /// Whether the table is not what the snapshot knows: what was read of it, and what was not,
    /// tells nothing.
    bool truncated(const snapshot::TableInfo& table) const;
    /// The first session of a side, for the caller's own questions.
    io::Connection& session(Side side);

  private:
    struct Reader {
        Side side;
        int number;
        io::StreamProgress& progress;
        std::optional<io::Connection> connection;
        /// Instead: somebody else's.
        io::Connection* borrowed = nullptr;
    };
    io::Connection& connection_of(Reader& reader);
    int sessions_of(Side side) const;
    void prepare_borrowed();
    void set_floats(io::Connection& connection) const;
    void perform_with_retry(Reader& reader, const ReadItem& item);
    void perform(Reader& reader, const ReadItem& item);

    const VerifySetup& setup_;
    Dialect dialect_;
    std::deque<Reader> readers_;
    mutable std::mutex mutex_;
    std::set<snapshot::Oid> truncated_;
};

}  // namespace pghaul::loader
