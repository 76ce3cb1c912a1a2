// What tests of the work queue say about it: the work that it hands out, in words.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "loader/work_queue.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::loader {

inline WorkQueue::Options streams(int count, bool finish = true) {
    WorkQueue::Options options;
    options.streams = count;
    options.finish = finish;
    return options;
}

/// "t0.2" for a chunk, "index i100", "finish t0", "keys of t0", "objects 1", "release", "end".
inline std::string said(const std::optional<Work>& work) {
    if (!work) return "end";
    std::string text;
    switch (work->kind) {
        case Work::Kind::copy:
            for (const auto& [table, chunk] : work->chunks) {
                text += (text.empty() ? "" : "+") + table->info.name + "." +
                        std::to_string(chunk->number);
            }
            return (work->spooled ? "load " : "") + text;
        case Work::Kind::spool:
            return "spool " + work->chunks.front().table->info.name + "." +
                   std::to_string(work->chunks.front().chunk->number);
        case Work::Kind::large_objects:
            return "objects " + std::to_string(work->objects->number);
        case Work::Kind::build_index:
            return "index " + work->index->name;
        case Work::Kind::read_back:
            return "read " + work->table->info.name + "." + std::to_string(work->piece);
        case Work::Kind::finish:
            return "finish " + work->table->info.name;
        case Work::Kind::foreign_keys:
            return "keys of " + work->keys.front()->table_display;
        case Work::Kind::analyze_root:
            return "analyze " + work->root;
        case Work::Kind::release_source:
            return "release";
    }
    return text;
}

/// Everything that one stream does when it is alone.
inline std::vector<std::string> alone(const snapshot::Plan& plan, WorkQueue& queue) {
    std::vector<std::string> list;
    const auto limit = 10 * static_cast<std::size_t>(plan.total_chunks() + 10);
    while (auto work = queue.take(0)) {
        list.push_back(said(work));
        queue.done(0, *work);
        if (list.size() > limit) throw std::runtime_error("the queue has no end");
    }
    return list;
}

}  // namespace pghaul::loader
