#include "delta/lock_out.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>

#include "delta/blockers.hpp"
#include "delta/fence_sql.hpp"
#include "io/error.hpp"

namespace pghaul::delta {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Tables = std::vector<const snapshot::TableInfo*>;

// One LOCK statement names this many tables: few round trips, statements of bearable length.
constexpr std::size_t kTablesPerLock = 500;
// With less time left than this, a statement does not wait for any of its locks.
constexpr milliseconds kLeastWait{50};

constexpr io::Query kSavepoint{"savepoint", "savepoint lock_out"};
constexpr io::Query kGiveBack{"give_back_locks",
                              "rollback to savepoint lock_out; release savepoint lock_out"};
constexpr io::Query kKeep{"keep_locks", "release savepoint lock_out"};

milliseconds since(Clock::time_point start) {
    return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

/// True if the locks were not to be had in time; a deadlock that took us as its victim is one, too.
bool in_the_way(const io::Error& error) {
    return error.sqlstate() == "55P03" || error.sqlstate() == "57014" ||
           error.sqlstate() == "40P01";
}

std::vector<snapshot::Oid> oids_of(const Tables& tables) {
    std::vector<snapshot::Oid> oids;
    for (const auto* table : tables) oids.push_back(table->oid);
    return oids;
}

/// Waits for all of the locks together no longer than `wait`, or not at all if that is too short.
/// Throws: io::Error 55P03 or 57014 if they are not to be had.
void lock(io::Connection& source, std::span<const snapshot::TableInfo* const> tables,
          milliseconds wait) {
    const bool nowait = wait < kLeastWait;
    // lock_timeout is for one lock, statement_timeout for all that the statement names; 0 is none.
    const auto limit = nowait ? "0" : std::to_string(wait.count());
    source.query(kBoundWaits, {limit, limit});
    std::string names;
    for (const auto* table : tables) {
        names += (names.empty() ? "only " : ", only ") + table->qualified();
    }
    source.execute({"lock_out_writers", "lock table " + names + " in share row exclusive mode" +
                                            (nowait ? " nowait" : "")});
}

class LockOut {
  public:
    LockOut(io::Connection& source, const std::vector<snapshot::TableInfo>& tables,
            milliseconds budget)
        : source_(source), budget_(budget), start_(Clock::now()) {
        for (const auto& table : tables) order_.push_back(&table);
        const auto waits = source.query_row(kReadWaits);
        lock_timeout_ = waits.string(0, 0);
        statement_timeout_ = waits.string(0, 1);
        patience_ = milliseconds(waits.integer(0, 2)) / 2;
    }

    void run() {
        begin_with_oldest(find_blockers(source_, oids_of(order_), InTheWay::writers, {}));
        for (;;) {
            source_.execute(kSavepoint);
            try {
                lock_all();
                break;
            } catch (io::Error& error) {
                if (error.poisons_connection() || !in_the_way(error)) throw;
                source_.execute(kGiveBack);
                // Whoever came only just now was not in the way.
                const auto blockers =
                    find_blockers(source_, oids_of(order_), InTheWay::writers, since(asked_) / 2);
                if (left() <= milliseconds(0)) throw given_up(error, blockers);
                begin_with_oldest(blockers);
            }
        }
        source_.execute(kKeep);
        source_.query(kBoundWaits, {lock_timeout_, statement_timeout_});
    }

  private:
    milliseconds left() const { return budget_ - since(start_); }

    /// The first may take all the time there is. While we hold it, a writer may begin to wait for
    /// us, and looks for a deadlock after deadlock_timeout: by then we don't wait any more.
    void lock_all() {
        const std::span<const snapshot::TableInfo* const> all(order_);
        asked_ = Clock::now();
        lock(source_, all.first(1), left());
        const auto held_since = Clock::now();
        for (auto rest = all.subspan(1); !rest.empty();) {
            const auto some = rest.first(std::min(kTablesPerLock, rest.size()));
            asked_ = Clock::now();
            lock(source_, some, std::min(left(), patience_ - since(held_since)));
            rest = rest.subspan(some.size());
        }
    }

    void begin_with_oldest(const std::vector<Blocker>& blockers) {
        if (blockers.empty()) return;
        const auto place = std::find_if(order_.begin(), order_.end(), [&](const auto* table) {
            return table->oid == blockers.front().table;
        });
        if (place != order_.end()) std::rotate(order_.begin(), place, place + 1);
    }

    io::Error given_up(const io::Error& cause, const std::vector<Blocker>& blockers) const {
        io::Error error(fmt::format("writers could not be locked out of {} tables within {} ms",
                                    order_.size(), budget_.count()));
        error.sqlstate(cause.sqlstate())
            .statement(cause.statement())
            .retryable(true)
            .exit_code(io::ExitCode::stopped);
        if (blockers.empty()) {
            return error.detail("whoever held them is gone by now").hint("run again");
        }
        return error.detail(describe(blockers))
            .hint(
                "wait for these transactions or end them (pg_terminate_backend, rollback "
                "prepared), then run again");
    }

    io::Connection& source_;
    const milliseconds budget_;
    const Clock::time_point start_;
    Clock::time_point asked_;
    Tables order_;
    milliseconds patience_{0};
    std::string lock_timeout_;
    std::string statement_timeout_;
};

}  // namespace

void lock_out_writers(io::Connection& source, const std::vector<snapshot::TableInfo>& tables,
                      milliseconds budget) {
    if (tables.empty()) return;
    LockOut(source, tables, budget).run();
}

}  // namespace pghaul::delta
