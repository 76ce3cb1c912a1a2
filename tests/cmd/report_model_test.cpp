// What a report says about a job, from facts made by hand.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cmd/report_axis.hpp"
#include "cmd/report_json.hpp"
#include "cmd/report_time.hpp"
#include "tests/cmd/report_facts.hpp"

namespace pghaul::test {
namespace {

using cmd::make_report;
using cmd::Mood;
using snapshot::Phase;
using snapshot::Proof;

TEST(ReportModel, CountsWhatIsLoaded) {
    auto facts = planned_facts();
    load(facts, 0, 100, 2000, 4000, 100);
    load(facts, 3, 200, 2000, 2500, 7);
    const auto report = make_report(facts);
    EXPECT_EQ(report.all_chunks, 4);
    EXPECT_EQ(report.chunks_loaded, 2);
    EXPECT_EQ(report.tables_loaded, 1);
    EXPECT_EQ(report.rows, 107);
    EXPECT_EQ(report.sent_bytes, 1070);
    EXPECT_EQ(report.bytes, 3100);
    EXPECT_EQ(report.bytes_loaded, 1100);
    EXPECT_EQ(report.tables[0].loaded, 1);
    EXPECT_EQ(report.tables[0].chunks, 3);
    EXPECT_EQ(report.tables[1].rows, 7);
    EXPECT_DOUBLE_EQ(*report.tables[1].rows_per_second(), 14);
    ASSERT_EQ(report.snapshots.size(), 1U);
    EXPECT_EQ(report.snapshots[0].chunks, 2);
}

TEST(ReportModel, GivesEachStreamALaneAndLaterStreamsAFreeOne) {
    auto facts = planned_facts();
    load(facts, 0, 100, 2000, 4000, 1);
    load(facts, 1, 200, 2500, 5000, 1);
    load(facts, 2, 300, 4000, 6000, 1);  // connected again when 100 was lost
    load(facts, 3, 200, 5000, 5500, 1);
    const auto report = make_report(facts);
    EXPECT_EQ(report.lanes, 2);
    ASSERT_EQ(report.chunks.size(), 4U);
    EXPECT_EQ(report.chunks[0].lane, 0);
    EXPECT_EQ(report.chunks[1].lane, 0);
    EXPECT_EQ(report.chunks[1].number, 2);
    EXPECT_EQ(report.chunks[3].lane, 1);
}

TEST(ReportModel, PutsTablesOfOneTransactionBehindEachOther) {
    auto facts = planned_facts();
    for (std::size_t i = 0; i < 4; ++i) {
        load(facts, i, 100, 2000, 2100 + static_cast<std::int64_t>(i) * 100, 1);
    }
    const auto report = make_report(facts);
    EXPECT_EQ(report.lanes, 1);
    for (std::size_t i = 1; i < 4; ++i) {
        EXPECT_EQ(report.chunks[i].begun, report.chunks[i - 1].ended);
    }
    EXPECT_DOUBLE_EQ(report.copy_seconds, 0.4);
    EXPECT_NEAR(report.tables[1].seconds, 0.1, 1e-9) << "not since the transaction began";
}

TEST(ReportModel, LeavesOutThePauseBetweenTwoRuns) {
    auto facts = planned_facts();
    load(facts, 0, 100, 1000, 3000, 1);
    load(facts, 1, 200, 2000, 4000, 1);
    load(facts, 2, 300, 86'400'000, 86'401'000, 1);
    const auto report = make_report(facts);
    EXPECT_DOUBLE_EQ(report.tables[0].seconds, 4);
    EXPECT_DOUBLE_EQ(report.copy_seconds, 4);
    EXPECT_EQ(report.tables[0].ended, at_ms(86'401'000));
}

TEST(ReportModel, ShowsACopyThatGoesOnAsAStep) {
    auto facts = planned_facts();
    load(facts, 0, 100, 2000, 4000, 100);
    auto report = make_report(facts);
    ASSERT_EQ(report.steps.size(), 1U);
    EXPECT_EQ(report.steps[0].name, "copy");
    EXPECT_TRUE(report.steps[0].under_way);
    EXPECT_EQ(report.steps[0].ended, facts.history.now);
    report = make_report(done_facts());
    ASSERT_EQ(report.steps.size(), 2U);
    EXPECT_FALSE(report.steps[1].under_way);
    EXPECT_EQ(report.steps[1].begun, at_ms(2000));
}

TEST(ReportModel, KnowsWhatACopyDidInRunsThatWereCutShort) {
    auto facts = done_facts();
    facts.history.steps = {{"copy", 4, at_ms(86'406'000)}};
    load(facts, 2, 300, 86'402'000, 86'406'000, 100);
    const auto report = make_report(facts);
    ASSERT_EQ(report.steps.size(), 1U);
    const auto& copy = report.steps[0];
    EXPECT_EQ(copy.begun, at_ms(2000));
    ASSERT_EQ(copy.parts.size(), 2U);
    EXPECT_EQ(copy.parts[0].second, at_ms(5500));
    EXPECT_EQ(copy.parts[1].first, at_ms(86'402'000));
    EXPECT_DOUBLE_EQ(copy.seconds, 7.5);
}

TEST(ReportModel, KnowsTheLoadsOfAnEarlierVersionByTheirRowsOnly) {
    auto facts = planned_facts();
    load(facts, 0, 0, 0, 4000, 100);
    facts.history.chunks[0].begun.reset();
    const auto report = make_report(facts);
    EXPECT_EQ(report.rows, 100);
    EXPECT_TRUE(report.chunks.empty());
    EXPECT_FALSE(report.tables[0].begun);
    EXPECT_FALSE(report.tables[0].rows_per_second());
}

TEST(ReportModel, TellsWhatIsWrongFromWhatMendsIt) {
    auto facts = done_facts();
    facts.history.problems = {
        {"foreign key f of public.small",
         "violated (Key (a)=(5)); the constraint is there but NOT "
         "VALID; mend the rows, then: alter table x validate",
         at_ms(0)},
        {"trigger t", "the source has it no more, so it stays switched off", at_ms(0)}};
    const auto report = make_report(facts);
    EXPECT_EQ(report.problems[0].message,
              "violated (Key (a)=(5)); the constraint is there but NOT VALID");
    EXPECT_EQ(report.problems[0].hint, "mend the rows, then: alter table x validate");
    EXPECT_TRUE(report.problems[1].hint.empty());
    EXPECT_EQ(report.tables[1].problems, 1);
    EXPECT_EQ(report.tables[0].problems, 0);
    EXPECT_EQ(report.mood, Mood::attention);
    EXPECT_NE(report.verdict.find("2 problems are open"), std::string::npos) << report.verdict;
}

TEST(ReportVerdict, SaysHowFarACopyIs) {
    auto facts = planned_facts();
    load(facts, 0, 100, 2000, 4000, 100);
    load(facts, 1, 100, 4000, 5000, 100);
    auto report = make_report(facts);
    EXPECT_EQ(report.verdict, "Copy is 64 % done: 2.0 kB of 3.1 kB.");
    EXPECT_EQ(report.mood, Mood::active);
    facts.running = false;
    report = make_report(facts);
    EXPECT_EQ(report.verdict,
              "Copy is 64 % done: 2.0 kB of 3.1 kB; not running, pghaul run goes on from here.");
    EXPECT_EQ(report.mood, Mood::attention);
}

TEST(ReportVerdict, NeverSaysThatAllIsDoneBeforeItIs) {
    auto facts = planned_facts();
    facts.plan.tables[0] = planned_table(0, "big", 3, 3'000'000);
    for (std::size_t i = 0; i < 3; ++i) {
        facts.history.chunks[i].bytes = 1'000'000;
        load(facts, i, 100, 2000, 4000, 100);
    }
    facts.history.chunks[3].bytes = 1;
    EXPECT_TRUE(make_report(facts).verdict.starts_with("Copy is 99 % done"));
}

TEST(ReportVerdict, SaysWhetherTheTargetIsEqualAndFollows) {
    auto facts = done_facts();
    auto report = make_report(facts);
    EXPECT_EQ(report.verdict, "Copied and proved equal; following, at most 2.5 s behind.");
    EXPECT_EQ(report.mood, Mood::good);

    facts.running = false;
    report = make_report(facts);
    EXPECT_EQ(report.verdict,
              "Copied and proved equal; nothing follows now: changes of the last 2.5 s are not in "
              "yet.");
    EXPECT_EQ(report.mood, Mood::attention);

    facts.history.tables[1].proof = Proof::none;
    EXPECT_TRUE(
        make_report(facts).verdict.starts_with("Copied with 1 of 2 tables proved equal so far"));
    facts.history.tables[1].proof = Proof::unwanted;
    EXPECT_TRUE(make_report(facts).verdict.starts_with("Copied without proof, as was chosen"));
    facts.history.tables[1].proof = Proof::differences;
    report = make_report(facts);
    EXPECT_TRUE(report.verdict.starts_with("Copied but 1 of 2 tables differ from the source"));
    EXPECT_EQ(report.mood, Mood::bad);
}

TEST(ReportVerdict, SaysHowLongWritersWereHeldUp) {
    auto facts = done_facts();
    facts.running = false;
    facts.record.cut_over = true;
    facts.record.cutover_pause_ms = 1204;
    facts.history.cut_over = at_ms(18'000);
    auto report = make_report(facts);
    EXPECT_EQ(report.verdict,
              "Moved with every table proved equal; writers were paused for 1,204 ms.");
    EXPECT_EQ(report.mood, Mood::good);
    EXPECT_FALSE(report.behind_seconds);

    facts.source = {true, "", "12.9", "pghaul", true};
    EXPECT_EQ(make_report(facts).verdict,
              "Moved with every table proved equal; writers were paused for 1,204 ms; the old "
              "database refuses writes.");
    facts.source.fenced = false;
    report = make_report(facts);
    EXPECT_NE(report.verdict.find("takes writes again"), std::string::npos);
    EXPECT_EQ(report.mood, Mood::attention);
}

TEST(ReportVerdict, KnowsAJobThatHasHardlyBegun) {
    auto facts = planned_facts();
    facts.plan.tables.clear();
    facts.history.chunks.clear();
    facts.history.tables.clear();
    facts.record.phase = Phase::captured;
    EXPECT_EQ(make_report(facts).verdict,
              "Changes are captured on the source; nothing is copied yet.");
    facts.record.phase = Phase::created;
    EXPECT_EQ(make_report(facts).verdict, "Begun; nothing is copied yet.");
}

TEST(ReportJson, SaysTheSame) {
    const auto all = cmd::json_of(make_report(done_facts()));
    EXPECT_EQ(all.at("verdict"), "Copied and proved equal; following, at most 2.5 s behind.");
    EXPECT_EQ(all.at("begun_at"), "2026-11-26T06:00:00.000Z");
    EXPECT_EQ(all.at("source").at("version"), "12.9");
    EXPECT_EQ(all.at("source").at("asked"), false);
    EXPECT_EQ(all.at("chunks").size(), 4U);
    EXPECT_EQ(all.at("tables").at(0).at("table"), "public.big");
    EXPECT_EQ(all.at("tables").at(0).at("rows"), 300);
    EXPECT_EQ(all.at("tables").at(0).at("proof"), "read back");
    EXPECT_EQ(all.at("behind_seconds"), 2.5);
    EXPECT_TRUE(all.at("cutover_at").is_null());
}

TEST(ReportAxis, SqueezesPausesAndKeepsTheOrder) {
    const cmd::TimeAxis axis({{1000, 1010}, {90'000, 90'010}, {1005, 1012}}, 100, 900);
    EXPECT_DOUBLE_EQ(axis.x(1000), 100);
    EXPECT_DOUBLE_EQ(axis.x(90'010), 1000);
    ASSERT_EQ(axis.gaps().size(), 1U);
    EXPECT_DOUBLE_EQ(axis.gaps()[0].seconds, 90'000 - 1012);
    EXPECT_LT(axis.gaps()[0].width, 100);
    double last = 0;
    for (double at = 990; at < 91'000; at += 0.5) {
        EXPECT_GE(axis.x(at), last);
        last = axis.x(at);
    }
    for (const auto& tick : axis.ticks()) {
        EXPECT_GE(tick.x, 100);
        EXPECT_LE(tick.x, 1000);
        EXPECT_FALSE(tick.time.empty());
    }
    EXPECT_EQ(axis.ticks().front().day, "Jan  1");
}

TEST(ReportAxis, BearsManyRunsAndNoTimeAtAll) {
    std::vector<cmd::BusySpan> nights;
    for (int i = 0; i < 200; ++i) nights.emplace_back(i * 86'400.0, i * 86'400.0 + 3600);
    const cmd::TimeAxis many(nights, 0, 1000);
    EXPECT_LT(many.gaps().size(), 8U);
    EXPECT_GT(many.pixels_per_second(), 0);
    const cmd::TimeAxis none({{5, 5}}, 0, 1000);
    EXPECT_GE(none.x(5), 0);
    EXPECT_LE(none.x(5), 1000);
    EXPECT_FALSE(none.ticks().empty());
}

TEST(ReportTimes, AreReadByPeople) {
    EXPECT_EQ(cmd::utc_text(at_ms(0)), "2026-11-26 06:00:00");
    EXPECT_EQ(cmd::span_text(0.0123), "12 ms");
    EXPECT_EQ(cmd::span_text(12.34), "12.3 s");
    EXPECT_EQ(cmd::span_text(86'400 * 3), "3.0 d");
}

}  // namespace
}  // namespace pghaul::test
