#include "loader/work.hpp"

namespace pghaul::loader {
namespace {

std::string display_chunk(const TableChunk& one) {
    std::string text = one.table->info.display();
    if (one.table->chunks.size() > 1) text += " " + snapshot::display(one.chunk->range);
    return text;
}

}  // namespace

std::string Work::display() const {
    switch (kind) {
        case Kind::copy:
            if (chunks.size() > 1) {
                return "copy " + chunks.front().table->info.display() + " and " +
                       std::to_string(chunks.size() - 1) + " more small tables";
            }
            return (spooled ? "load " : "copy ") + display_chunk(chunks.front());
        case Kind::spool:
            return "spool " + display_chunk(chunks.front());
        case Kind::large_objects:
            return "copy large objects " + std::to_string(objects->first) + " to " +
                   std::to_string(objects->last);
        case Kind::build_index:
            return "index " + snapshot::display_name(table->info.schema, index->name);
        case Kind::read_back:
            return "read back " + table->info.display();
        case Kind::finish:
            return "constraints and statistics of " + table->info.display();
        case Kind::foreign_keys:
            return "foreign keys of " + keys.front()->table_display;
        case Kind::analyze_root:
            return "statistics of " + root;
        case Kind::release_source:
            return "release the source";
    }
    return {};
}

}  // namespace pghaul::loader
