// Verifications without a command: the plan is made here, the moment is now or whenever a test
// says.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "loader/verify/repair.hpp"
#include "loader/verify/verify.hpp"
#include "snapshot/held_snapshot.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {

/// Two databases as of one moment each.
class TwoMoments {
  public:
    TwoMoments(const std::string& source, const std::string& target, const io::Interrupt& interrupt,
               int jobs = 2)
        : source_info_(io::ConnInfo::parse(source)),
          target_info_(io::ConnInfo::parse(target)),
          interrupt_(interrupt),
          jobs_(jobs) {
        source_.emplace(source_info_, "job", "source moment", std::vector<std::string>{},
                        interrupt);
        target_.emplace(target_info_, "job", "target moment", std::vector<std::string>{},
                        interrupt);
    }

    loader::VerifySetup setup() {
        return {source_info_, target_info_, {source_->exported(), target_->exported()},
                "job",        jobs_,        progress_,
                interrupt_};
    }
    loader::VerifyResult verify(const snapshot::Plan& plan,
                                const loader::VerifyOptions& options = {}) {
        return loader::verify(setup(), plan, options);
    }

    io::RunProgress progress_;
    std::optional<snapshot::HeldSnapshot> source_;
    std::optional<snapshot::HeldSnapshot> target_;

  private:
    io::ConnInfo source_info_;
    io::ConnInfo target_info_;
    const io::Interrupt& interrupt_;
    int jobs_;
};

/// "id=5 missing", "id=5 different: a b", "2:3 (x)" of each named row.
inline std::multiset<std::string> named(const loader::VerifyResult& result) {
    using Kind = loader::RowDifference::Kind;
    static const std::map<Kind, std::string> kKinds = {
        {Kind::missing, "missing"}, {Kind::extra, "extra"}, {Kind::different, "different:"}};
    std::multiset<std::string> rows;
    for (const auto& table : result.differing_tables) {
        for (const auto& problem : table.problems) rows.insert(problem);
        for (const auto& row : table.named) {
            std::string text;
            if (row.kind == Kind::count) {
                text = std::to_string(row.source_count) + ":" + std::to_string(row.target_count) +
                       " " + row.key.front().second;
            } else {
                for (const auto& [column, value] : row.key) text += column + "=" + value + " ";
                text += kKinds.at(row.kind);
                for (const auto& column : row.columns) text += " " + column;
            }
            rows.insert(text);
        }
    }
    return rows;
}

}  // namespace pghaul::test
