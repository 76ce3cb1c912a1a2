// Proof of the image: reads a loaded table again from the target, in the form in which its rows
// were sent, and compares the sum of the rows' hashes with the sum that the copy kept in the
// journal. Done while the pages are still in cache, and beside index builds, which only read too.
// A table whose sums differ is noted so, not repaired: its text form may depend on the server's
// version, so only a comparison of both servers can tell (cmd/prove.hpp).
// Thread: any; pieces of one table are read by several streams.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/connection.hpp"
#include "io/progress.hpp"
#include "io/row_hash.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

class ReadBack {
  public:
    /// encoding: in which rows travelled.
    ReadBack(std::string job, std::string encoding)
        : job_(std::move(job)), encoding_(std::move(encoding)) {}

    /// In how many pieces a table is read; old servers find pages only by reading all of them.
    static int pieces(const snapshot::TablePlan& table, int target_major);

    /// Reads one piece; with the last of a table, the sums are compared and the journal marked.
    /// May be done again after an error. Requires: every chunk of the table is committed, and
    /// nobody writes to it. Throws: io::Error; io::Interrupted.
    void read_piece(io::Connection& target, const snapshot::TablePlan& table, int piece, int pieces,
                    io::StreamProgress& progress, const io::Interrupt& interrupt);

    struct Sent {
        const snapshot::TablePlan* table;
        io::RowSum rows;
    };
    /// Reads tables, in one message, that were loaded as a whole in the transaction that the target
    /// is in. Returns: a proof for each.
    std::vector<snapshot::Proof> read_whole(io::Connection& target, const std::vector<Sent>& sent,
                                            io::StreamProgress& progress,
                                            const io::Interrupt& interrupt) const;

  private:
    using Sums = std::vector<std::optional<io::RowSum>>;
    void reset_encoding(io::Connection& target) const;

    const std::string job_;
    const std::string encoding_;
    std::mutex mutex_;
    std::map<int, Sums> sums_;
};

}  // namespace pghaul::loader
