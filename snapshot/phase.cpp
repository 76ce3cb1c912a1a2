#include "snapshot/phase.hpp"

#include <array>

#include "io/error.hpp"

namespace pghaul::snapshot {
namespace {

constexpr std::array<std::string_view, 7> kNames = {"created", "captured", "schema", "copying",
                                                    "copied",  "indexed",  "done"};

}  // namespace

std::string_view name_of(Phase phase) { return kNames[static_cast<std::size_t>(phase)]; }

Phase phase_from_name(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) return static_cast<Phase>(i);
    }
    throw io::Error("the journal holds an unknown phase: " + std::string(name))
        .hint("it was written by a newer pghaul; use that version");
}

}  // namespace pghaul::snapshot
