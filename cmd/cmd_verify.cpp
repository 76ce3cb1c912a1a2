#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "cmd/commands.hpp"
#include "cmd/hazards.hpp"
#include "cmd/hazards_sql.hpp"
#include "cmd/job_claim.hpp"
#include "cmd/live.hpp"
#include "cmd/moments.hpp"
#include "cmd/new_tables.hpp"
#include "cmd/session.hpp"
#include "cmd/verify_report.hpp"
#include "io/progress.hpp"
#include "loader/verify/repair.hpp"
#include "loader/verify/verify.hpp"
#include "snapshot/held_snapshot.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::cmd {
namespace {

using io::Connection;
using io::Error;
using io::ExitCode;
using snapshot::HeldSnapshot;
using snapshot::Journal;
using snapshot::Phase;
using snapshot::Plan;

/// Sessions of a run of the same job end each other's leftovers by "pghaul/<job>/"; what only reads
/// stays out of that. No job has a + in its name.
std::string session_job(const std::string& job) { return job + "+verify"; }

snapshot::JobRecord find_job(Journal& journal) {
    const auto record = journal.find();
    if (!record) {
        throw Error("there is no job " + journal.job() + " in " +
                    journal.connection().server_name())
            .hint("check --target and --job; pghaul run begins a job");
    }
    if (record->phase < Phase::copied) {
        throw Error(fmt::format("job {} is at phase {}: not all rows are copied", journal.job(),
                                snapshot::name_of(record->phase)))
            .hint("let pghaul run finish the copy first");
    }
    return *record;
}

/// Leaves in the plan what the user chose, by the rules of a run's choice.
void choose(Connection& source, const snapshot::Selection& selection, Plan& plan) {
    if (selection.everything()) return;
    const auto oids = snapshot::select_relations(source, selection);
    const std::set<snapshot::Oid> chosen(oids.begin(), oids.end());
    std::erase_if(plan.tables, [&](const auto& table) { return !chosen.contains(table.info.oid); });
    std::set<std::pair<std::string, std::string>> names;
    const auto rows = source.query(kNamesOf, {snapshot::oid_array(oids)});
    for (int row = 0; row < rows.rows(); ++row) {
        names.emplace(rows.string(row, 0), rows.string(row, 1));
    }
    std::erase_if(plan.sequences, [&](const auto& sequence) {
        return !names.contains({sequence.schema, sequence.name});
    });
    if (!selection.schemas.empty() || !selection.tables.empty()) plan.large_objects.clear();
}

std::vector<std::string> names_of(const Plan& plan) {
    std::vector<std::string> names;
    for (const auto& table : plan.tables) names.push_back(table.info.qualified());
    return names;
}

/// A job's settings end with these, as haul.cpp writes them.
loader::RepairOptions repair_options(std::string settings) {
    loader::RepairOptions options;
    const auto take = [&](std::string_view flag) {
        if (!settings.ends_with(flag)) return false;
        settings.resize(settings.size() - flag.size());
        return true;
    };
    options.no_privileges = take(" --no-privileges");
    options.no_owner = take(" --no-owner");
    return options;
}

/// What of the plan was found to differ.
Plan differing_part(const Plan& plan, const loader::VerifyResult& result) {
    Plan part = plan;
    part.tables.clear();
    part.sequences.clear();
    part.large_objects.clear();
    for (const auto& one : result.differing_tables) part.tables.push_back(*one.table);
    for (const auto& one : result.differing_sequences) part.sequences.push_back(one.sequence);
    for (const auto& range : plan.large_objects) {
        const bool differs = std::any_of(
            result.differing_objects.begin(), result.differing_objects.end(),
            [&](const auto& one) { return one.oid >= range.first && one.oid <= range.last; });
        if (differs) part.large_objects.push_back(range);
    }
    return part;
}

struct Outcome {
    loader::VerifyResult found;
    std::optional<loader::RepairResult> repaired;
    /// What was compared again after the repair.
    std::optional<loader::VerifyResult> left;

    /// Takes in what was found of other tables. Returns those to look at again.
    std::set<int> add(Outcome other) {
        auto again = numbers_of(other.found.truncated);
        found.add(std::move(other.found));
        if (other.repaired) {
            if (!repaired) repaired.emplace();
            repaired->add(*other.repaired);
        }
        if (other.left) {
            again.merge(numbers_of(other.left->truncated));
            if (!left) left.emplace();
            left->add(std::move(*other.left));
        }
        return again;
    }
    bool equal() const { return (left ? *left : found).differences() == 0; }
};

class Verify {
  public:
    Verify(const Options& options, io::Interrupt& interrupt, io::RunProgress& progress)
        : options_(options),
          interrupt_(interrupt),
          progress_(progress),
          source_(io::ConnInfo::parse(options.source)),
          target_(io::ConnInfo::parse(options.target)),
          journal_(Journal::open(target_, options.job, interrupt)) {
        if (!options.sample_percent) return;
        sample_ = {*options.sample_percent,
                   options.seed.value_or((std::uint64_t{std::random_device{}()} << 32) |
                                         std::random_device{}())};
    }

    Outcome run() {
        auto outcome = find_out();
        note(outcome);
        return outcome;
    }

    const std::optional<VerifySample>& sample() const { return sample_; }

  private:
    Outcome find_out() {
        progress_.begin_step("snapshot");
        const auto record = find_job(journal_);
        read_plan(record);
        live_ = record.capture && !record.cut_over;
        if (live_) return run_live(record);
        // A repair writes, which a run of the same job must not do at the same time.
        if (options_.repair) journal_.lock();
        const auto source = hold(source_, "source moment");
        return compare_and_repair(source.exported(), record);
    }

    /// A cutover refuses while a difference stands.
    void note(const Outcome& outcome) {
        journal_.upgrade();
        std::vector<int> compared;
        std::vector<int> differing;
        for (const auto& table : plan_.tables) compared.push_back(table.number);
        for (const auto& one : (outcome.left ? *outcome.left : outcome.found).differing_tables) {
            differing.push_back(one.table->number);
        }
        if (!sample_) journal_.mark_proof(compared, snapshot::Proof::compared);
        journal_.mark_proof(differing, snapshot::Proof::differences);
    }

    /// Writers go on: the target is brought to one moment of the source, and both sides are
    /// compared as of that moment, whatever happens meanwhile.
    Outcome run_live(const snapshot::JobRecord& record) {
        RunContext run(options_, interrupt_, progress_);
        Steps steps(run);
        claim_live_job(run);
        capture_source(run, steps);
        take_over_new_tables(run, steps);
        read_plan(record);
        Outcome all;
        compare_at_moments(*begin_catch_up(run, interrupt_), plan_,
                           [&](const delta::Moment& moment, const std::set<int>& tables) {
                               progress_.following = false;
                               tables_ = tables;
                               source_session_ = moment.session;
                               auto some = compare_and_repair(moment.exported, record);
                               progress_.following = true;
                               return all.add(std::move(some));
                           });
        return all;
    }

    Outcome compare_and_repair(const std::string& source, const snapshot::JobRecord& record) {
        std::optional<HeldSnapshot> target(hold(target_, "target moment"));
        Outcome outcome;
        outcome.found = compare({source, target->exported()}, plan_, tables_);
        if (!options_.repair || outcome.equal()) return outcome;

        outcome.repaired = loader::repair(setup({source, target->exported()}), plan_, outcome.found,
                                          repair_options(record.settings));
        progress_.begin_step("snapshot");
        target.emplace(hold(target_, "target moment"));
        mended_.push_back(differing_part(plan_, outcome.found));
        outcome.left = compare({source, target->exported()}, mended_.back(), {});
        return outcome;
    }

    void read_plan(const snapshot::JobRecord& record) {
        auto source = Connection::open(source_, {session_job(options_.job), "plan", "UTF8", {}, {}},
                                       interrupt_);
        check_same_source(source, record);
        plan_ = journal_.read_plan();
        choose(source, options_.selection, plan_);
    }

    HeldSnapshot hold(const io::ConnInfo& server, const char* role) const {
        return {server, session_job(options_.job), role, names_of(plan_), interrupt_};
    }

    loader::VerifySetup setup(const loader::VerifyMoment& moment) const {
        return {source_,        target_,   moment,     session_job(options_.job),
                options_.jobs,  progress_, interrupt_, live_,
                source_session_};
    }

    loader::VerifyResult compare(const loader::VerifyMoment& moment, const Plan& plan,
                                 const std::set<int>& tables) const {
        loader::VerifyOptions options;
        options.tables = tables;
        options.for_repair = options_.repair;
        options.sequences = !live_;
        if (sample_) {
            options.sample_percent = sample_->percent;
            options.seed = sample_->seed;
        }
        return loader::verify(setup(moment), plan, options);
    }

    const Options& options_;
    io::Interrupt& interrupt_;
    io::RunProgress& progress_;
    io::ConnInfo source_;
    io::ConnInfo target_;
    Journal journal_;
    std::optional<VerifySample> sample_;
    Plan plan_;
    /// The part of the plan to compare, by number; empty: all.
    std::set<int> tables_;
    /// See VerifySetup.
    Connection* source_session_ = nullptr;
    bool live_ = false;
    /// The results point into it.
    std::deque<Plan> mended_;
};

void print_json(const Outcome& outcome, const std::optional<VerifySample>& sample) {
    auto all = json_of(outcome.found, sample);
    if (outcome.repaired) all["repaired"] = json_of(*outcome.repaired);
    if (outcome.left) all["left"] = json_of(*outcome.left, {});
    fmt::print("{}\n", all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const Outcome& outcome, const std::optional<VerifySample>& sample) {
    fmt::print("{}{}", differences_text(outcome.found), compared_text(outcome.found, sample));
    if (outcome.repaired) fmt::print("{}", repaired_text(*outcome.repaired));
    if (outcome.left) {
        fmt::print("{}{}", differences_text(*outcome.left), compared_text(*outcome.left, {}));
    }
}

}  // namespace

ExitCode run_verify(const Options& options, io::Interrupt& interrupt) {
    io::RunProgress progress;
    std::optional<Verify> verify;
    Outcome outcome;
    in_session(options, interrupt, progress, session_job(options.job),
               options.repair ? "tables that were mended stay so; run it again"
                              : "nothing was changed; a verification starts anew",
               [&] {
                   verify.emplace(options, interrupt, progress);
                   outcome = verify->run();
               });
    if (options.json) {
        print_json(outcome, verify->sample());
    } else {
        print_text(outcome, verify->sample());
    }
    return outcome.equal() ? ExitCode::done : ExitCode::differences;
}

}  // namespace pghaul::cmd
