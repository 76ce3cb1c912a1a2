#include "cmd/moments.hpp"

#include <fmt/format.h>

#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

constexpr int kMoments = 6;
// Of these without locks.
constexpr int kUnlocked = 2;

}  // namespace

void compare_at_moments(delta::CatchUp& catch_up, const snapshot::Plan& plan,
                        const CompareTables& compare) {
    std::set<int> tables;
    for (int moment = 0; moment < kMoments; ++moment) {
        catch_up.until_current([] { return false; });
        std::set<int> truncated;
        catch_up.apply_window([&](const delta::Moment& now) { truncated = compare(now, tables); },
                              moment >= kUnlocked);
        if (truncated.empty()) return;
        tables = std::move(truncated);
    }
    std::string names;
    for (const auto& table : plan.tables) {
        if (!tables.contains(table.number)) continue;
        names += (names.empty() ? "" : ", ") + table.info.display();
    }
    throw io::Error(
        fmt::format("truncated or rewritten on the source each of the {} times that it was "
                    "compared: {}",
                    kMoments, names))
        .exit_code(io::ExitCode::stopped)
        .hint("run again when that is not going on");
}

std::set<int> numbers_of(const std::vector<const snapshot::TablePlan*>& tables) {
    std::set<int> numbers;
    for (const auto* table : tables) numbers.insert(table->number);
    return numbers;
}

}  // namespace pghaul::cmd
