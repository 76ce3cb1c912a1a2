// Plans for tests of the work queue: no server, only sizes.
#pragma once

#include <random>
#include <string>

#include "snapshot/plan.hpp"

namespace pghaul::test {

inline constexpr std::int64_t kMegabyte = std::int64_t{1} << 20;

/// A table of `chunks` chunks with indexes of the given sizes.
inline snapshot::TablePlan queue_table(int number, int chunks, std::int64_t bytes,
                                       const std::vector<std::int64_t>& index_bytes = {}) {
    snapshot::TablePlan table;
    table.number = number;
    table.info.oid = static_cast<snapshot::Oid>(1000 + number);
    table.info.schema = "public";
    table.info.name = "t" + std::to_string(number);
    table.info.heap_bytes = bytes;
    table.method = chunks > 1 ? snapshot::Method::key_ranges : snapshot::Method::whole;
    table.freeze = chunks == 1;
    for (int i = 0; i < chunks; ++i) table.chunks.push_back({i, {}, bytes / chunks});
    for (const auto size : index_bytes) {
        snapshot::IndexInfo index;
        index.oid = static_cast<snapshot::Oid>(100'000 + 100 * number) +
                    static_cast<snapshot::Oid>(table.info.indexes.size());
        index.name = "i" + std::to_string(index.oid);
        index.bytes = size;
        table.info.indexes.push_back(index);
        table.info.index_bytes += size;
    }
    return table;
}

/// Tables of all sizes, largest first as the planner orders them, and some large objects.
inline snapshot::Plan random_plan(std::mt19937& random) {
    const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
    snapshot::Plan plan;
    std::vector<std::int64_t> sizes;
    for (int i = below(12); i > 0; --i) {
        sizes.push_back(below(3) == 0 ? below(1000) : (1 + below(500)) * kMegabyte);
    }
    std::sort(sizes.rbegin(), sizes.rend());
    for (const auto size : sizes) {
        std::vector<std::int64_t> indexes;
        if (size >= kMegabyte || below(2) == 0) {
            for (int i = below(4); i > 0; --i) {
                indexes.push_back(size < kMegabyte ? 8192 : below(40) * kMegabyte / 4);
            }
        }
        const int chunks = size < kMegabyte ? 1 : 1 + below(6);
        plan.tables.push_back(
            queue_table(static_cast<int>(plan.tables.size()), chunks, size, indexes));
        for (auto& index : plan.tables.back().info.indexes) {
            if (below(8) == 0) index.constraint_kind = "x";
        }
    }
    for (int i = below(4); i > 0; --i) {
        plan.large_objects.push_back({static_cast<int>(plan.large_objects.size()), 0, 0, 1});
    }
    return plan;
}

}  // namespace pghaul::test
