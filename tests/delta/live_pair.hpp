// A source and a target with the same tables, between which changes are carried step by step
// through delta/'s own interfaces: no copy, no program around them.
// The tables belong to a role of their own, which also writes. pghaul connects as that role, which
// may do nothing else than own them, or as superuser.
// Thread: the main thread (a cluster's server dies with the thread that started it).
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "delta/capture.hpp"
#include "delta/catch_up.hpp"
#include "snapshot/journal.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {

enum class As { superuser, owner };

inline std::string name_of(As as) { return as == As::superuser ? "superuser" : "owner"; }

/// The server of both sides unless a test needs one of its own: takes hundreds of sessions and
/// prepared transactions.
Cluster& live_cluster();

class LivePair {
  public:
    /// Runs `tables` on both sides, as the owner, and `extensions` before it as superuser; then
    /// begins to capture.
    LivePair(As as, const std::string& tables, const std::string& extensions = "",
             Cluster& source_cluster = live_cluster());
    ~LivePair();

    /// Runs SQL on the source or target as the owner of the tables, through psql.
    void source(const std::string& sql) const { psql(source_owner_, sql); }
    std::string ask_source(const std::string& sql) const { return psql(source_superuser_, sql); }
    void target(const std::string& sql) const { psql(target_owner_, sql); }
    std::string ask_target(const std::string& sql) const { return psql(target_superuser_, sql); }

    /// Applies one window.
    delta::WindowResult catch_up();
    /// Takes other thresholds; the sessions begin anew.
    void limit(delta::WindowLimits limits);
    /// Whether every table holds the same rows on both sides.
    testing::AssertionResult equal() const;
    /// Rows in the table's delta table, "schema"."name" or name.
    std::string captured_of(const std::string& table) const;
    /// The delta table of one table, qualified and quoted.
    std::string delta_of(const std::string& table) const;

    /// To connect to the source as another role.
    std::string source_as(const std::string& role) const;
    const std::string& source_as_owner() const { return source_owner_; }
    const std::string& source_as_superuser() const { return source_superuser_; }
    const std::string& target_as_owner() const { return target_owner_; }
    /// A session on the source as pghaul has it.
    io::Connection open_source() { return connect(source_, interrupt_); }
    const delta::CaptureSite& site() const { return *site_; }
    const snapshot::Plan& plan() const { return plan_; }
    /// The table of that name.
    const snapshot::TableInfo& info(const std::string& name) const;
    snapshot::Journal& journal() { return *journal_; }
    const io::Interrupt& interrupt() const { return interrupt_; }
    std::string job() const { return kJob; }

  private:
    static constexpr const char* kJob = "live";

    void begin_capture();
    void begin_journal(const std::string& from);
    void make_ready();

    io::Interrupt interrupt_;
    io::RunProgress progress_;
    Cluster& source_cluster_;
    std::string source_name_;
    /// What is applied is compared before it is committed, as cutover does.
    bool check_;
    std::string source_owner_;
    std::string source_superuser_;
    std::string target_owner_;
    std::string target_superuser_;
    /// As pghaul connects.
    std::string source_;
    std::string target_;
    io::ConnInfo source_info_;
    io::ConnInfo target_info_;
    snapshot::Plan plan_;
    std::optional<delta::CaptureSite> site_;
    std::optional<snapshot::Journal> journal_;
    delta::WindowLimits limits_;
    bool replica_ = false;
    std::unique_ptr<delta::CatchUp> catch_up_;
};

/// Fixture for tests that are told once as superuser and once as a mere owner.
class Live : public testing::TestWithParam<As> {
  protected:
    void SetUp() override {
        if (!find_server_bin(15)) GTEST_SKIP() << "PostgreSQL 15 server is not installed";
    }
};

inline std::string as_name(const testing::TestParamInfo<As>& info) { return name_of(info.param); }

/// Carries changes over once: `tables` on both sides, `changes` on the source, one window.
void expect_carried(As as, const std::string& tables, const std::string& changes,
                    const std::string& extensions = "");

}  // namespace pghaul::test
