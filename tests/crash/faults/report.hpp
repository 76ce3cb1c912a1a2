// The table of faults by kind, and the page of the documentation that holds it.
// Thread: the main thread.
#pragma once

#include <array>
#include <string>

#include "tests/crash/faults/round.hpp"

namespace pghaul::test::faults {

class Report {
  public:
    void add(const RoundResult& result);
    int failures() const { return failures_; }
    int rounds() const { return rounds_; }
    int faults() const { return faults_; }

    /// In Markdown; one row per kind.
    std::string table() const;
    /// Puts the table and what it was made with between the page's marks.
    /// Throws: std::runtime_error if the page or a mark is missing.
    void write(const std::string& page, const std::string& made_with) const;

  private:
    struct Row {
        int rounds = 0;
        int failed = 0;
        int faults = 0;
        int reruns = 0;
        long lost = 0;
        long doubled = 0;
        double worst_sent = 0;
        double worst_dead = 0;  // share of the table's rows
        std::string skipped;
    };
    std::array<Row, kKinds> rows_{};
    int rounds_ = 0;
    int faults_ = 0;
    int failures_ = 0;
};

}  // namespace pghaul::test::faults
