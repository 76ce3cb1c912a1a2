// Verification where nobody holds the source's tables: each is locked for a piece at a time, and
// one that is truncated meanwhile is told apart from one that has lost its rows.
#include <gtest/gtest.h>

#include "loader/verify/brief_lock.hpp"
#include "snapshot/held_snapshot.hpp"
#include "tests/loader/two_databases.hpp"
#include "tests/loader/verifications.hpp"

namespace pghaul::loader {
namespace {

using test::error_of;

class VerifyTruncated : public test::TwoDatabases {
  protected:
    void SetUp() override {
        TwoDatabases::SetUp();
        if (IsSkipped()) return;
        on_both(
            "create table a (id int primary key, v int); create table b (id int primary key);"
            "insert into a select i, i from generate_series(1, 1000) i;"
            "insert into b select i from generate_series(1, 1000) i");
        for (const std::string name : {"a", "b"}) {
            auto plan = plan_of(name);
            plan.number = static_cast<int>(plan_.tables.size());
            plan_.tables.push_back(std::move(plan));
        }
        plan_.encoding = "UTF8";
    }
    static VerifySetup brief(test::TwoMoments& moments) {
        auto setup = moments.setup();
        return {setup.source, setup.target,   setup.moment,    setup.job,
                setup.jobs,   setup.progress, setup.interrupt, true};
    }
};

TEST_F(VerifyTruncated, ATableIsLockedForAPieceAlone) {
    const auto info = io::ConnInfo::parse(source_database_);
    const snapshot::HeldSnapshot held(info, "job", "moment", {}, interrupt_);
    auto session = snapshot::open_in_snapshot(info, {"job", "verify 1", "UTF8", {}, {}},
                                              held.exported(), interrupt_);
    const auto locks = [&] {
        return test::psql(source_database_,
                          "select count(*) from pg_locks where relation in ('a'::regclass, "
                          "'b'::regclass) and pid = " +
                              std::to_string(session.backend_pid()));
    };
    BriefLock lock(session, plan_.tables[0].info);
    EXPECT_TRUE(lock.same_file());
    session.execute({"read", "select from public.b"});
    EXPECT_EQ(locks(), "2");
    lock.release();
    EXPECT_EQ(locks(), "0");
    EXPECT_EQ(session.query_value({"read", "select count(*)::text from public.a"}), "1000");

    on_source("set lock_timeout = '5s'; truncate b; insert into b values (1)");
    BriefLock other(session, plan_.tables[1].info);
    EXPECT_FALSE(other.same_file());
}

TEST_F(VerifyTruncated, IsLeftOutAndNamed) {
    test::TwoMoments moments(source_database_, target_database_, interrupt_);
    on_source("truncate b; insert into b values (1)");
    on_target("update a set v = 0 where id = 7");
    moments.target_.emplace(io::ConnInfo::parse(target_database_), "job", "target moment",
                            std::vector<std::string>{}, interrupt_);
    const auto result = verify(brief(moments), plan_, {});
    EXPECT_EQ(test::named(result), std::multiset<std::string>{"id=7 different: v"});
    EXPECT_EQ(result.tables, 1);
    EXPECT_EQ(result.rows, 1000);
    ASSERT_EQ(result.truncated.size(), 1U);
    EXPECT_EQ(result.truncated.front(), &plan_.tables[1]);
}

TEST_F(VerifyTruncated, IsNotMended) {
    on_target("delete from b where id = 7; update a set v = 0 where id = 7");
    test::TwoMoments moments(source_database_, target_database_, interrupt_);
    VerifyOptions options;
    options.for_repair = true;
    options.tables = {1};
    const auto result = verify(brief(moments), plan_, options);
    EXPECT_EQ(test::named(result), std::multiset<std::string>{"id=7 missing"});
    on_source("truncate b");
    const auto error = error_of([&] { repair(brief(moments), plan_, result, {}); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::stopped);
    EXPECT_NE(error.report().find("repair of public.b: the table was truncated"), std::string::npos)
        << error.report();
    EXPECT_EQ(ask_target("select count(*) from b"), "999");
}

}  // namespace
}  // namespace pghaul::loader
