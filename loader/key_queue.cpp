#include "loader/key_queue.hpp"

#include <algorithm>

#include "io/sql.hpp"

namespace pghaul::loader {
namespace {

bool meet(const std::set<int>& some, const std::set<int>& others) {
    return std::any_of(some.begin(), some.end(), [&](int one) { return others.contains(one); });
}

}  // namespace

KeyQueue::KeyQueue(const snapshot::Plan& plan) {
    std::map<snapshot::Oid, int> numbers;
    std::map<std::string, std::set<int>> members;
    for (const auto& table : plan.tables) {
        const auto& info = table.info;
        numbers[info.oid] = table.number;
        members[info.qualified()].insert(table.number);
        if (!info.root_name.empty()) {
            members[io::quote_qualified(info.root_schema, info.root_name)].insert(table.number);
        }
    }
    for (const auto& key : plan.foreign_keys) {
        const auto mine = members.find(key.table);
        const auto other = numbers.find(key.referenced_oid);
        // A key that refers to a partitioned table needs its indexes, which come after the copy.
        if (mine == members.end() || other == numbers.end()) continue;
        auto& table = to_make_[key.table];
        table.keys.push_back(&key);
        table.members = mine->second;
        table.refers_to.insert(other->second);
        table.partitioned = table.partitioned || key.on_partitioned;
    }
    for (const auto& [name, table] : to_make_) {
        std::int64_t bytes = 1;
        for (const int number : table.members) {
            bytes += plan.tables[static_cast<std::size_t>(number)].info.bytes();
        }
        for (const auto* numbers_of : {&table.members, &table.refers_to}) {
            for (const int number : *numbers_of) {
                waiting_for_[number] = std::max(waiting_for_[number], bytes);
            }
        }
    }
}

/// Adding a key locks both tables against the checks of other keys of theirs. It would wait for
/// such a check; and two that wait for each other are a deadlock. A key of a partitioned table is
/// checked while it is added, with both locks in hand.
bool KeyQueue::in_the_way(const Table& table) const {
    return std::any_of(in_hand_.begin(), in_hand_.end(), [&](const auto& entry) {
        const auto& other = entry.second;
        const bool long_locks = table.partitioned || other.partitioned;
        return meet(table.members, other.members) || meet(table.refers_to, other.members) ||
               meet(table.members, other.refers_to) ||
               (long_locks && meet(table.refers_to, other.refers_to));
    });
}

std::optional<Work> KeyQueue::next(const std::function<bool(int)>& finished,
                                   const std::function<bool(const std::string&)>& busy) {
    const auto complete = [&](const std::set<int>& tables) {
        return std::all_of(tables.begin(), tables.end(), finished);
    };
    for (auto at = to_make_.begin(); at != to_make_.end(); ++at) {
        const auto& [name, table] = *at;
        if (!complete(table.members) || !complete(table.refers_to)) continue;
        if (busy(name) || in_the_way(table)) continue;
        Work work;
        work.kind = Work::Kind::foreign_keys;
        work.keys = table.keys;
        in_hand_.insert(to_make_.extract(at));
        return work;
    }
    return std::nullopt;
}

void KeyQueue::done(const Work& work) { in_hand_.erase(work.keys.front()->table); }

std::int64_t KeyQueue::waiting_for(int table) const {
    const auto found = waiting_for_.find(table);
    return found == waiting_for_.end() ? 0 : found->second;
}

}  // namespace pghaul::loader
