// Plays rounds of faults and prints what came of them; scripts/faults --help.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <optional>
#include <random>

#include "tests/crash/faults/report.hpp"
#include "tests/crash/faults/round.hpp"

namespace pghaul::test::faults {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Choice {
    unsigned seed = std::random_device{}() % 1'000'000;
    int rounds = kKinds;
    double minutes = 0;
    std::string kind;
    bool fresh_too = false;
    bool verbose = false;
    bool write_table = false;
};

Kind kind_named(const std::string& word) {
    for (int i = 0; i < kKinds; ++i) {
        if (word_for(static_cast<Kind>(i)) == word) return static_cast<Kind>(i);
    }
    throw CLI::ValidationError("--kind", "no such kind: " + word);
}

std::string kind_words() {
    std::string words;
    for (int i = 0; i < kKinds; ++i) {
        words += (i == 0 ? "" : ", ") + std::string(word_for(static_cast<Kind>(i)));
    }
    return words;
}

void print(const RoundResult& result, bool verbose) {
    const auto title = fmt::format("seed {} --kind {}", result.seed, word_for(result.kind));
    if (!result.skipped.empty()) {
        fmt::print("{}: not played: {}\n", title, result.skipped);
        return;
    }
    fmt::print(
        "{}: {}: {} faults, {} reruns, {} lost, {} doubled, sent {:.2f} times, {} dead rows, "
        "file {:.2f}, {:.1f} s{}\n",
        title, result.setting, result.faults, result.reruns, result.differences.lost,
        result.differences.doubled, result.sent_ratio, result.waste.dead_rows,
        result.waste.heap_ratio, result.seconds, result.failure.empty() ? "" : ": FAILED");
    if (verbose || !result.failure.empty()) fmt::print("{}", result.story);
    if (!result.failure.empty()) {
        fmt::print("FAILED: {}\nagain: scripts/faults --rounds 1 --seed {} --kind {}\n",
                   result.failure, result.seed, word_for(result.kind));
    }
    std::fflush(stdout);
}

int play(const Choice& choice) {
    Arena arena;
    Report report;
    const auto one = [&](unsigned seed) {
        const auto kind = choice.kind.empty() ? kind_of(seed) : kind_named(choice.kind);
        const auto result = play_round(arena, seed, kind);
        print(result, choice.verbose);
        report.add(result);
    };
    const auto begin = SteadyClock::now();
    const auto minutes = [&] {
        return std::chrono::duration<double, std::ratio<60>>(SteadyClock::now() - begin).count();
    };
    unsigned seed = choice.seed;
    const auto end = choice.seed + static_cast<unsigned>(choice.rounds);
    while (choice.minutes > 0 ? minutes() < choice.minutes : seed != end) one(seed++);
    if (choice.fresh_too) one(std::random_device{}() % 1'000'000);

    fmt::print("\n{}\n{} rounds, {} faults, {} failures\n", report.table(), report.rounds(),
               report.faults(), report.failures());
    if (choice.write_table) {
        report.write(PGHAUL_SOURCE_DIR "/docs/faults.md",
                     fmt::format("`scripts/faults --seed {} --rounds {}`, {}:", choice.seed,
                                 seed - choice.seed, arena.machine()));
    }
    return report.failures() == 0 ? 0 : 1;
}

}  // namespace
}  // namespace pghaul::test::faults

int main(int argc, char** argv) {
    pghaul::test::faults::Choice choice;
    CLI::App app(
        "Plays rounds of faults: a whole job of pghaul each, with writers and one kind of "
        "fault at random moments, and a comparison of both sides at its end.");
    app.add_option("--seed", choice.seed, "of the first round; the next ones count up");
    app.add_option("--rounds", choice.rounds, "how many")->capture_default_str();
    app.add_option("--minutes", choice.minutes, "play as many as fit instead");
    app.add_option("--kind", choice.kind,
                   "one kind instead of what the seed says: " + pghaul::test::faults::kind_words());
    app.add_flag("--fresh-too", choice.fresh_too, "one more round with a seed nobody chose");
    app.add_flag("--verbose", choice.verbose, "tell each round in full, not only those that fail");
    app.add_flag("--write-table", choice.write_table, "put the table into docs/faults.md");
    CLI11_PARSE(app, argc, argv);
    try {
        return pghaul::test::faults::play(choice);
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 1;
    }
}
