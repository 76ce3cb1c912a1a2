// Which foreign keys can be made while a copy still goes on: those whose tables are complete, with
// all leaves of a partitioned table. What it hands out needs no answer: a key that can't be made
// yet, or that the data violates, is left to make_foreign_keys(), which comes after the copy and
// reports it.
// Thread: the queue's mutex (work_queue.hpp).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/work.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

class KeyQueue {
  public:
    /// Of a plan whose foreign keys all come later.
    KeyQueue() = default;
    /// Requires: plan outlives it.
    explicit KeyQueue(const snapshot::Plan& plan);

    /// All keys of one table. finished: by table number. busy: partitioned tables, quoted, that
    /// somebody works on.
    std::optional<Work> next(const std::function<bool(int)>& finished,
                             const std::function<bool(const std::string&)>& busy);
    void done(const Work& work);
    /// Of a table, quoted.
    bool in_hand(const std::string& table) const { return in_hand_.contains(table); }
    /// Bytes of the largest table whose keys wait for this one to be complete; 0: none.
    std::int64_t waiting_for(int table) const;

  private:
    struct Table {
        std::vector<const snapshot::ForeignKey*> keys;
        std::set<int> members;  // the table, or the leaves of the partitioned one
        std::set<int> refers_to;
        bool partitioned = false;
    };
    bool in_the_way(const Table& table) const;

    // By quoted names.
    std::map<std::string, Table> to_make_;
    std::map<std::string, Table> in_hand_;
    std::map<int, std::int64_t> waiting_for_;
};

}  // namespace pghaul::loader
