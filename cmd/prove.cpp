#include "cmd/prove.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "cmd/live.hpp"
#include "cmd/moments.hpp"
#include "cmd/verify_report.hpp"
#include "io/error.hpp"
#include "loader/read_back.hpp"
#include "loader/verify/verify.hpp"
#include "snapshot/held_snapshot.hpp"

namespace pghaul::cmd {
namespace {

using snapshot::HeldSnapshot;
using snapshot::Proof;

// Of each table: enough to see what kind of difference it is; pghaul verify names more.
constexpr std::size_t kNamedRows = 10;

/// The part of the plan that is still to be compared.
snapshot::Plan unproven(RunContext& run, bool also_unwanted) {
    const bool full = run.options.verify == VerifyMode::full;
    const auto proofs = run.journal.proofs();
    auto part = run.plan;
    std::erase_if(part.tables, [&](const auto& table) {
        // Its later changes are not captured, so only the copy of it can be proven.
        const bool not_live =
            run.capture && table.info.kind == snapshot::TableKind::extension_config;
        switch (proofs.at(table.number)) {
            case Proof::compared:
                return true;
            case Proof::read_back:
                return not_live || !full;
            case Proof::unwanted:
                return not_live || !also_unwanted;
            case Proof::none:
            case Proof::differences:
                return false;
        }
        return false;
    });
    if (!full || run.capture) {
        part.sequences.clear();
        part.large_objects.clear();
    }
    return part;
}

std::vector<int> all_numbers(const std::vector<snapshot::TablePlan>& tables) {
    std::vector<int> numbers;
    for (const auto& table : tables) numbers.push_back(table.number);
    return numbers;
}

class Comparison {
  public:
    Comparison(RunContext& run, const snapshot::Plan& part) : run_(run), part_(part) {
        for (const auto& table : part.tables) names_.push_back(table.info.qualified());
    }

    loader::VerifyResult run() {
        if (!run_.capture) return compare({hold(run_.source, "source moment").exported()}, {});
        loader::VerifyResult all;
        compare_at_moments(*begin_catch_up(run_, run_.interrupt), part_,
                           [&](const delta::Moment& moment, const std::set<int>& tables) {
                               auto some = compare(moment, tables);
                               const auto truncated = numbers_of(some.truncated);
                               all.add(std::move(some));
                               return truncated;
                           });
        return all;
    }

  private:
    HeldSnapshot hold(const io::ConnInfo& server, const char* role) const {
        return {server, run_.options.job, role, names_, run_.interrupt};
    }

    loader::VerifyResult compare(const delta::Moment& moment, const std::set<int>& tables) const {
        const auto target = hold(run_.target, "target moment");
        loader::VerifyOptions options;
        options.named_per_table = kNamedRows;
        options.tables = tables;
        const loader::VerifySetup setup{
            run_.source,      run_.target,       {moment.exported, target.exported()},
            run_.options.job, run_.options.jobs, run_.progress,
            run_.interrupt,   run_.capture,      moment.session};
        return loader::verify(setup, part_, options);
    }

    RunContext& run_;
    const snapshot::Plan& part_;
    std::vector<std::string> names_;
};

[[noreturn]] void throw_differences(RunContext& run, const loader::VerifyResult& result) {
    spdlog::error("{}", differences_text(result));
    std::string tables;
    for (const auto& one : result.differing_tables) {
        tables += (tables.empty() ? "" : ", ") + one.table->info.display();
    }
    throw io::Error(fmt::format("the target differs from the source: {} difference{}{}{}",
                                result.differences(), result.differences() == 1 ? "" : "s",
                                tables.empty() ? "" : " in ", tables))
        .exit_code(io::ExitCode::differences)
        .hint(run.capture
                  ? "pghaul verify names the rows, pghaul verify --repair mends them; look for "
                    "whoever writes to the target"
                  : "was the source written to since the copy? pghaul verify names the rows, "
                    "pghaul verify --repair mends them");
}

}  // namespace

std::map<int, int> tables_to_read_back(RunContext& run) {
    std::vector<int> unwanted;
    std::map<int, int> wanted;
    const int major = run.journal.connection().server_major();
    const auto proofs = run.journal.proofs();
    for (const auto& table : run.plan.tables) {
        if (proofs.at(table.number) != Proof::none) continue;
        if (run.options.verify == VerifyMode::none) {
            unwanted.push_back(table.number);
        } else {
            wanted[table.number] = loader::ReadBack::pieces(table, major);
        }
    }
    if (!unwanted.empty()) run.journal.mark_proof(unwanted, Proof::unwanted);
    return wanted;
}

void prove_tables(RunContext& run, Steps& steps, bool also_unwanted) {
    auto part = unproven(run, also_unwanted);
    if (part.tables.empty() && part.sequences.empty() && part.large_objects.empty()) return;
    if (run.time_is_up()) stop_early(run);
    steps.begin("verify");
    const auto result = Comparison(run, part).run();
    std::vector<int> differing;
    for (const auto& one : result.differing_tables) differing.push_back(one.table->number);
    run.journal.mark_proof(all_numbers(part.tables), Proof::compared);
    run.journal.mark_proof(differing, Proof::differences);
    spdlog::info("{}", compared_text(result, {}));
    if (result.differences() > 0) throw_differences(run, result);
    steps.end(result.bytes);
}

}  // namespace pghaul::cmd
