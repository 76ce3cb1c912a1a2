#include "tests/crash/faults/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace pghaul::test::faults {
namespace {

constexpr std::string_view kBegin = "<!-- rounds: begin -->\n";
constexpr std::string_view kEnd = "<!-- rounds: end -->\n";

}  // namespace

void Report::add(const RoundResult& result) {
    auto& row = rows_[static_cast<std::size_t>(result.kind)];
    if (!result.skipped.empty()) {
        row.skipped = result.skipped;
        return;
    }
    ++rounds_;
    faults_ += result.faults;
    if (!result.failure.empty()) ++failures_;
    ++row.rounds;
    if (!result.failure.empty()) ++row.failed;
    row.faults += result.faults;
    row.reruns += result.reruns;
    row.lost += result.differences.lost;
    row.doubled += result.differences.doubled;
    row.worst_sent = std::max(row.worst_sent, result.sent_ratio);
    if (result.waste.rows > 0) {
        row.worst_dead = std::max(row.worst_dead, static_cast<double>(result.waste.dead_rows) /
                                                      static_cast<double>(result.waste.rows));
    }
}

std::string Report::table() const {
    std::string text =
        "| fault | rounds | failed | faults | reruns | rows lost | rows doubled | rows sent, worst "
        "| dead rows left, worst |\n|---|---|---|---|---|---|---|---|---|\n";
    Row all;
    for (int i = 0; i < kKinds; ++i) {
        const auto& row = rows_[static_cast<std::size_t>(i)];
        const auto title = title_of(static_cast<Kind>(i));
        if (row.rounds == 0) {
            if (!row.skipped.empty()) {
                text += fmt::format("| {} | not played: {} | | | | | | | |\n", title, row.skipped);
            }
            continue;
        }
        text += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {:.2f} times | {:.1f} % |\n",
                            title, row.rounds, row.failed, row.faults, row.reruns, row.lost,
                            row.doubled, row.worst_sent, row.worst_dead * 100);
        all.rounds += row.rounds;
        all.failed += row.failed;
        all.faults += row.faults;
        all.reruns += row.reruns;
        all.lost += row.lost;
        all.doubled += row.doubled;
        all.worst_sent = std::max(all.worst_sent, row.worst_sent);
        all.worst_dead = std::max(all.worst_dead, row.worst_dead);
    }
    return text + fmt::format("| all | {} | {} | {} | {} | {} | {} | {:.2f} times | {:.1f} % |\n",
                              all.rounds, all.failed, all.faults, all.reruns, all.lost, all.doubled,
                              all.worst_sent, all.worst_dead * 100);
}

void Report::write(const std::string& page, const std::string& made_with) const {
    std::ifstream in(page, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto begin = text.find(kBegin);
    const auto end = text.find(kEnd);
    if (begin == std::string::npos || end == std::string::npos || end < begin) {
        throw std::runtime_error(page + " has no place for the table");
    }
    text.replace(begin + kBegin.size(), end - begin - kBegin.size(), made_with + "\n\n" + table());
    const auto unfinished = page + ".new";
    {
        std::ofstream out(unfinished, std::ios::binary);
        out << text;
        out.close();
        if (!out) throw std::runtime_error("cannot write " + unfinished);
    }
    std::filesystem::rename(unfinished, page);
}

}  // namespace pghaul::test::faults
