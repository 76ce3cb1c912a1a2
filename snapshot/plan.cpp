#include "snapshot/plan.hpp"

namespace pghaul::snapshot {

std::vector<KeyColumn> TablePlan::chunk_key() const {
    switch (method) {
        case Method::whole:
            return {};
        case Method::key_ranges:
            return info.key;
        case Method::ctid_ranges:
            return ctid_key();
    }
    return {};
}

std::int64_t Plan::total_bytes() const {
    std::int64_t total = 0;
    for (const auto& table : tables) total += table.info.bytes();
    return total;
}

std::int64_t Plan::total_chunks() const {
    std::int64_t total = static_cast<std::int64_t>(large_objects.size());
    for (const auto& table : tables) total += static_cast<std::int64_t>(table.chunks.size());
    return total;
}

const char* name_of(Method method) {
    switch (method) {
        case Method::whole:
            return "whole";
        case Method::key_ranges:
            return "key ranges";
        case Method::ctid_ranges:
            return "ctid ranges";
    }
    return "";
}

const char* name_of(Format format) { return format == Format::binary ? "binary" : "text"; }

}  // namespace pghaul::snapshot
