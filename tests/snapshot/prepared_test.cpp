// Every named statement is one that the servers we promise to work with understand.
#include <gtest/gtest.h>

#include <optional>

#include "cmd/hazards_sql.hpp"
#include "delta/capture_sql.hpp"
#include "delta/fence_sql.hpp"
#include "delta/guards_sql.hpp"
#include "delta/window_sql.hpp"
#include "loader/verify/verify_sql.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/catalog_sql.hpp"
#include "snapshot/claims_sql.hpp"
#include "snapshot/history_sql.hpp"
#include "snapshot/journal_sql.hpp"
#include "snapshot/keeper_sql.hpp"
#include "snapshot/plan_sql.hpp"
#include "snapshot/selection_sql.hpp"
#include "snapshot/spool_notes_sql.hpp"
#include "tests/snapshot/servers.hpp"

namespace pghaul::snapshot {
namespace {

constexpr int kFirstWithNewNames = 13;  // pg_current_snapshot

class PreparedOn : public testing::TestWithParam<int> {
  protected:
    void SetUp() override {
        if (!test::find_server_bin(GetParam())) {
            GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not installed";
        }
        connection_.emplace(
            test::connect(test::cluster_of(GetParam()).conninfo("postgres"), interrupt_));
    }
    void expect_prepares(const io::Query& query) {
        try {
            connection_->execute(
                {"prepare", "prepare p as " + for_version(query, connection_->server_major())});
            connection_->execute({"deallocate", "deallocate p"});
        } catch (const io::Error& error) {
            ADD_FAILURE() << query.name << ": " << error.report();
        }
    }
    bool old() { return connection_->server_major() < kFirstWithNewNames; }

    io::Interrupt interrupt_;
    std::optional<io::Connection> connection_;
};

TEST_P(PreparedOn, UnderstandsTheCatalogStatements) {
    for (const auto& query : kCatalogQueries) expect_prepares(query);
    for (const auto& query : {kListRelations, kMatchTables, kMatchSchemas}) expect_prepares(query);
}

TEST_P(PreparedOn, UnderstandsTheKeepersStatements) {
    for (const auto& query : kKeeperQueries) {
        if (query.text != kExport.text || !old()) expect_prepares(query);
    }
    if (old()) expect_prepares(kExportBefore13);
}

TEST_P(PreparedOn, UnderstandsTheJournalsStatements) {
    connection_->execute(kCreateJournal);
    connection_->execute(kUpgradeJournal);
    for (const auto& query : kJournalQueries) expect_prepares(query);
    for (const auto& query : kPlanQueries) expect_prepares(query);
    for (const auto& query : kClaimQueries) expect_prepares(query);
    for (const auto& query : kHistoryQueries) expect_prepares(query);
    for (const auto& query : kSpoolNoteQueries) expect_prepares(query);
    // Made again it stays as it is; without a job it goes.
    connection_->execute(kCreateJournal);
    connection_->execute(kUpgradeJournal);
    connection_->execute(kDropJournalIfEmpty);
    EXPECT_FALSE(connection_->query_row(kJournalExists).boolean(0, 0));
}

TEST_P(PreparedOn, UnderstandsTheStatementsThatLookForHazards) {
    for (const auto& query : cmd::kHazardQueries) expect_prepares(query);
}

TEST_P(PreparedOn, UnderstandsTheStatementsOfAVerification) {
    for (const auto& query : loader::kVerifyQueries) expect_prepares(query);
}

TEST_P(PreparedOn, UnderstandsTheStatementsOfLiveChanges) {
    for (const auto& query : delta::kCaptureQueries) expect_prepares(query);
    for (const auto& query : delta::kWindowQueries) expect_prepares(query);
}

TEST_P(PreparedOn, UnderstandsTheFencesAndGuardsStatements) {
    for (const auto& query : delta::kFenceQueries) expect_prepares(query);
    for (const auto& query : delta::kGuardQueries) expect_prepares(query);
}

INSTANTIATE_TEST_SUITE_P(Server, PreparedOn, testing::Values(10, 15, 18),
                         [](const auto& major) { return std::to_string(major.param); });

}  // namespace
}  // namespace pghaul::snapshot
