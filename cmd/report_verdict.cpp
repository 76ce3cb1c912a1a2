// The one sentence that a report begins with.
#include <fmt/format.h>

#include <cmath>

#include "cmd/format.hpp"
#include "cmd/report_model.hpp"
#include "snapshot/phase.hpp"

namespace pghaul::cmd {
namespace {

using snapshot::Phase;
using snapshot::Proof;

std::string proof_words(const Report& report) {
    const auto& proofs = report.proofs;
    const auto all = static_cast<std::int64_t>(report.tables.size());
    if (proofs.differing > 0) {
        return fmt::format("but {} of {} tables differ from the source", proofs.differing, all);
    }
    if (proofs.equal == all) return "and proved equal";
    if (proofs.open == 0) return "without proof, as was chosen";
    return fmt::format("with {} of {} tables proved equal so far", proofs.equal, all);
}

std::string live_words(const Report& report) {
    if (!report.behind_seconds) {
        return report.facts.running ? "; following" : "; changes are captured, none applied yet";
    }
    const auto behind = human_seconds(*report.behind_seconds);
    if (report.facts.running) return "; following, at most " + behind + " behind";
    return "; nothing follows now: changes of the last " + behind + " are not in yet";
}

std::string moved(const Report& report) {
    const bool equal = report.proofs.equal == static_cast<std::int64_t>(report.tables.size());
    auto text = fmt::format("Moved{}; writers were paused for {} ms",
                            equal ? " with every table proved equal" : "",
                            human_count(report.facts.record.cutover_pause_ms));
    const auto& source = report.facts.source;
    if (source.asked() && source.error.empty()) {
        text += source.fenced ? "; the old database refuses writes"
                              : "; the old database takes writes again: its fence is gone";
    }
    if (report.proofs.differing > 0) text += ", " + proof_words(report);
    return text;
}

std::string under_way(const Report& report) {
    const auto& record = report.facts.record;
    switch (record.phase) {
        case Phase::created:
            return "Begun; nothing is copied yet";
        case Phase::captured:
            return "Changes are captured on the source; nothing is copied yet";
        case Phase::schema:
            return "The schema is being made on the target; no rows are copied yet";
        case Phase::copying:
            return fmt::format("Copy is {:.0f} % done: {} of {}",
                               std::floor(report.fraction() * 100),
                               human_bytes(static_cast<double>(report.bytes_loaded)),
                               human_bytes(static_cast<double>(report.bytes)));
        case Phase::copied:
            return "All rows are copied; indexes and keys are being made";
        case Phase::indexed:
            return record.capture ? "Rows, indexes and keys are there; changes are being brought"
                                  : "Rows, indexes and keys are there; statistics or proof are "
                                    "still to come";
        case Phase::done:
            break;
    }
    return "Copied " + proof_words(report) + (record.capture ? live_words(report) : "");
}

}  // namespace

std::string verdict_of(const Report& report) {
    const auto& facts = report.facts;
    auto text = facts.record.cut_over ? moved(report) : under_way(report);
    if (facts.record.phase != Phase::done && !facts.running) {
        text += "; not running, pghaul run goes on from here";
    }
    if (!report.problems.empty()) {
        text += report.problems.size() == 1
                    ? "; one problem is open"
                    : fmt::format("; {} problems are open", report.problems.size());
    }
    return text + ".";
}

Mood mood_of(const Report& report) {
    const auto& facts = report.facts;
    const auto& source = facts.source;
    if (report.proofs.differing > 0) return Mood::bad;
    const bool open_fence =
        facts.record.cut_over && source.asked() && source.error.empty() && !source.fenced;
    if (!report.problems.empty() || open_fence) return Mood::attention;
    if (facts.record.cut_over) return Mood::good;
    if (facts.record.phase != Phase::done) return facts.running ? Mood::active : Mood::attention;
    if (facts.record.capture && !facts.running) return Mood::attention;
    return Mood::good;
}

const char* proof_text(Proof proof) {
    switch (proof) {
        case Proof::none:
            return "not yet";
        case Proof::unwanted:
            return "not wanted";
        case Proof::read_back:
            return "read back: equal";
        case Proof::compared:
            return "compared: equal";
        case Proof::differences:
            return "differs";
    }
    return "";
}

bool is_equal(Proof proof) { return proof == Proof::read_back || proof == Proof::compared; }

const char* name_of(Mood mood) {
    switch (mood) {
        case Mood::good:
            return "good";
        case Mood::active:
            return "active";
        case Mood::attention:
            return "attention";
        case Mood::bad:
            return "bad";
    }
    return "";
}

}  // namespace pghaul::cmd
