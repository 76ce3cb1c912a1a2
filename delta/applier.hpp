// Applies one table's changes of a window, or a slice of its keys: the touched keys are carried to
// the target, every row with such a key is deleted there, then each is inserted as it is in the
// window's snapshot. So applying is idempotent per key, and values may swap between rows.
// Without a key the whole row stands for it, as a multiset: all equal rows go, and as many come as
// the source has. That reads the whole table on both sides, so where rows were only inserted, and
// the target shows exactly the window's beginning, they are appended instead; not idempotent.
// Thread: the one that owns both connections; it should be inside a task_arena with two slots.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "delta/window.hpp"
#include "io/progress.hpp"
#include "io/row_sums.hpp"

namespace pghaul::delta {

/// Part `number` of `count` of a table's touched keys, by a hash of the key.
struct Slice {
    int number = 0;
    int count = 1;

    bool operator==(const Slice&) const = default;
};

/// True if the table's keys can be cut by a hash of their text: equal keys have equal texts.
bool can_slice(const snapshot::TableInfo& table);

class Applier {
  public:
    /// Requires: source in the window's transaction; both outlive this object.
    Applier(io::Connection& source, io::Connection& target, const CaptureSite& site,
            const std::string& encoding, io::StreamProgress& progress,
            const io::Interrupt& interrupt);

    /// Takes all rows away from a table that was truncated.
    void empty_table(const Pending& pending);
    /// Deletes the rows of all touched keys of the slice. Returns the keys.
    std::int64_t delete_touched(const Window& window, const Pending& pending, Slice slice);
    /// Appends the rows that came in the window to a table without a key.
    /// Requires: pending.only_inserts; the target shows the source as of window.from; the window's
    /// mark is set in the same transaction.
    std::int64_t append_inserted(const Window& window, const Pending& pending);
    /// Inserts the rows that these keys have in the window's snapshot. Returns the rows.
    std::int64_t insert_current(const Window& window, const Pending& pending, Slice slice);

    /// Inserts them, reads them back and compares. Returns the rows.
    /// Throws: io::Error (differences) if the target has not the same rows of these keys.
    std::int64_t insert_checked(const Window& window, const Pending& pending, Slice slice);
    /// Copies all rows of a table that is empty on the target. Returns these.
    io::RowSum copy_all(const Pending& pending);

  private:
    io::RowSum carry(const char* name, snapshot::Format format, const std::string& copy_out,
                     const std::string& copy_in);
    std::int64_t stage_keys(const Window& window, const Pending& pending, Slice slice);
    io::RowSum staged_rows(const snapshot::TablePlan& table);
    std::string stage(const snapshot::TablePlan& table);
    void allow_scans(const Pending& pending, bool allowed);

    io::Connection& source_;
    io::Connection& target_;
    const CaptureSite& site_;
    const std::string& encoding_;
    io::StreamProgress& progress_;
    const io::Interrupt& interrupt_;
    std::set<int> staged_;
    /// Of the keys that are staged, as insert_current() sent them.
    io::RowSum inserted_;
    /// What is staged: table number and slice.
    std::optional<std::pair<int, Slice>> staged_now_;
};

/// Settings of the sessions that apply: a few keys must never turn into a scan of a large table,
/// whatever the statistics of a fresh table say.
std::vector<std::pair<std::string, std::string>> apply_settings();

/// The statements; exposed for their tests.
std::string touched_keys_sql(const CaptureSite& site, const Window& window,
                             const snapshot::TableInfo& table, Slice slice);
/// columns: of the table as t; empty: those that are copied.
std::string current_rows_sql(const CaptureSite& site, const Window& window,
                             const snapshot::TableInfo& table, Slice slice,
                             const std::string& columns = {});
/// The same rows on the target, found by the keys in the temporary table.
std::string staged_rows_sql(const snapshot::TableInfo& table, const std::string& stage,
                            const std::string& columns);
std::string delete_sql(const snapshot::TableInfo& table, const std::string& stage);

}  // namespace pghaul::delta
