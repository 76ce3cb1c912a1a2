#include "snapshot/phase.hpp"

#include <gtest/gtest.h>

#include <array>

#include "io/error.hpp"

namespace pghaul::snapshot {
namespace {

// Journals on servers hold these names, and scripts read them: a change here breaks both.
constexpr std::array<std::pair<Phase, std::string_view>, 7> kPinned = {{
    {Phase::created, "created"},
    {Phase::captured, "captured"},
    {Phase::schema, "schema"},
    {Phase::copying, "copying"},
    {Phase::copied, "copied"},
    {Phase::indexed, "indexed"},
    {Phase::done, "done"},
}};

TEST(Phase, KeepsItsOrderAndNames) {
    for (std::size_t i = 0; i < kPinned.size(); ++i) {
        const auto& [phase, name] = kPinned[i];
        EXPECT_EQ(static_cast<std::size_t>(phase), i) << name;
        EXPECT_EQ(name_of(phase), name);
        EXPECT_EQ(phase_from_name(name), phase);
    }
}

TEST(Phase, EndsWithDone) { EXPECT_EQ(static_cast<std::size_t>(Phase::done) + 1, kPinned.size()); }

TEST(Phase, RefusesNamesOfNewerVersionsAndSaysWhatToDo) {
    for (const auto* name : {"", "Done", "verified", "copied "}) {
        try {
            phase_from_name(name);
            ADD_FAILURE() << name << " was taken";
        } catch (const io::Error& error) {
            EXPECT_NE(error.report().find("newer pghaul"), std::string::npos) << error.report();
        }
    }
}

}  // namespace
}  // namespace pghaul::snapshot
