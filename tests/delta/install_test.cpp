// Putting capture on the tables of a live database and taking it off again: writers hardly wait,
// who stands in the way is named, nothing is left behind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "delta/capture.hpp"
#include "tests/delta/live_pair.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::test {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr const char* kTables = "create table t (id int primary key); create table u (id int);";

/// Everything that a job has made, one line each.
std::string traces(const LivePair& pair) {
    return pair.ask_source(
        "select 'trigger ' || tgname from pg_trigger where tgname like 'pghaul/%' union all "
        "select 'function ' || proname from pg_proc where proname like 'pghaul/%' union all "
        "select 'relation ' || relname from pg_class where relname like 'pghaul/%' union all "
        "select 'type ' || typname from pg_type where typname like '%pghaul/%' union all "
        "select 'schema ' || nspname from pg_namespace where nspname = 'pghaul' order by 1;");
}

class Installing : public Live {
  protected:
    /// A table that the pair does not capture yet.
    snapshot::TableInfo late_table(LivePair& pair, const std::string& sql) {
        pair.source(sql);
        auto source = pair.open_source();
        return table_named(source, "late");
    }
    void install(LivePair& pair, const snapshot::TableInfo& table) {
        auto source = pair.open_source();
        delta::install(source, pair.site(), table, interrupt_, [&](const std::string& why) {
            const std::lock_guard guard(mutex_);
            blockers_ = why;
            ++pauses_;
        });
    }
    std::string blockers() {
        const std::lock_guard guard(mutex_);
        return blockers_;
    }
    bool captured(LivePair& pair, const snapshot::TableInfo& table) {
        auto source = pair.open_source();
        return delta::uncaptured(source, pair.site(), {table}).empty();
    }

    io::Interrupt interrupt_;
    std::mutex mutex_;
    std::string blockers_;
    std::atomic<int> pauses_{0};
};

TEST_P(Installing, LetsNoWriterWaitLongerThanItsOwnPatience) {
    LivePair pair(GetParam(), kTables);
    const auto table = late_table(pair, "create table late (id int primary key);");
    auto holder = connect(pair.source_as_owner(), interrupt_);
    holder.execute({"hold", "begin; insert into public.late values (0)"});
    std::jthread installing([&] { install(pair, table); });

    auto writer = connect(pair.source_as_owner(), interrupt_);
    Clock::duration longest{0};
    for (int i = 1; pauses_ < 4; ++i) {
        const auto began = Clock::now();
        writer.execute({"write", fmt::format("insert into public.late values ({})", i)});
        longest = std::max(longest, Clock::now() - began);
    }
    // Longer than a write takes, so some did wait; the rest is what a busy machine adds.
    EXPECT_GT(longest, milliseconds(100));
    EXPECT_LT(longest, delta::kShortLock + milliseconds(1500));
    EXPECT_NE(blockers().find(std::to_string(holder.backend_pid())), std::string::npos)
        << blockers();
    EXPECT_NE(blockers().find("public.late"), std::string::npos) << blockers();
    EXPECT_FALSE(captured(pair, table));
    holder.execute({"let_go", "commit"});
    installing.join();
    EXPECT_TRUE(captured(pair, table));
}

TEST_P(Installing, EndsAtOnceWhenItIsStopped) {
    LivePair pair(GetParam(), kTables);
    const auto table = late_table(pair, "create table late (id int primary key);");
    auto holder = connect(pair.source_as_owner(), interrupt_);
    holder.execute({"hold", "begin; insert into public.late values (0)"});
    io::Interrupt stop;
    std::jthread stopping([&] {
        EXPECT_TRUE(eventually([&] { return pauses_ > 0; }));
        stop.fire();
    });
    auto source = connect(pair.source_as_owner(), stop);
    EXPECT_THROW(
        delta::install(source, pair.site(), table, stop, [&](const std::string&) { ++pauses_; }),
        io::Interrupted);
    EXPECT_FALSE(captured(pair, table));
}

TEST_P(Installing, MendsWhatIsNotWhole) {
    LivePair pair(GetParam(), kTables);
    const auto& table = pair.info("t");
    const auto trigger = [&](const std::string& event) {
        return delta::capture_trigger(pair.site(), event);
    };
    for (const auto& damage : {"drop trigger " + trigger("update") + " on t",
                               "alter table t disable trigger " + trigger("insert"),
                               "alter table t enable trigger " + trigger("truncate"),
                               std::string("alter table t disable trigger all")}) {
        psql(pair.source_as_superuser(), damage + ";");
        EXPECT_FALSE(captured(pair, table)) << damage;
        install(pair, table);
        EXPECT_TRUE(captured(pair, table)) << damage;
    }
    pair.source("insert into t values (1); update t set id = 2; truncate u;");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

TEST_P(Installing, BeginsAnewWithTablesThatWereAltered) {
    LivePair pair(GetParam(), kTables);
    auto table = late_table(pair, "create table late (a int primary key, b int not null);");
    install(pair, table);
    pair.source(
        "insert into late values (1, 1); alter table late drop constraint late_pkey, "
        "alter b type bigint, add primary key (b);");
    auto source = pair.open_source();
    table = table_named(source, "late");
    EXPECT_FALSE(captured(pair, table));
    install(pair, table);
    EXPECT_TRUE(captured(pair, table));
    pair.source("insert into late values (2, 5000000000);");
    EXPECT_EQ(pair.ask_source("select k1 from " + delta::delta_table(pair.site(), table.oid) + ";"),
              "5000000000");
}

TEST_P(Installing, PassesOverTablesThatAreGoneMeanwhile) {
    LivePair pair(GetParam(), kTables);
    const auto table = late_table(pair, "create table late (id int primary key);");
    auto holder = connect(pair.source_as_owner(), interrupt_);
    holder.execute({"hold", "begin; drop table public.late"});
    std::jthread installing([&] { install(pair, table); });
    EXPECT_TRUE(eventually([&] { return pauses_ > 0; }));
    holder.execute({"let_go", "commit"});
    installing.join();
    EXPECT_EQ(traces(pair).find(std::to_string(table.oid)), std::string::npos) << traces(pair);
}

TEST_P(Installing, NamesPreparedTransactions) {
    LivePair pair(GetParam(), kTables);
    pair.source("begin; insert into t values (1); prepare transaction 'it''s left';");
    auto source = pair.open_source();
    const auto blockers = delta::prepared_blockers(source, {pair.info("t"), pair.info("u")});
    EXPECT_NE(blockers.find("it's left"), std::string::npos) << blockers;
    EXPECT_NE(blockers.find("app"), std::string::npos) << blockers;
    EXPECT_EQ(delta::prepared_blockers(source, {pair.info("u")}), "");
    pair.source("rollback prepared 'it''s left';");
    EXPECT_EQ(delta::prepared_blockers(source, {pair.info("t")}), "");
}

TEST_P(Installing, RefusesASourceThatAnotherJobOfThatNameCaptures) {
    LivePair pair(GetParam(), kTables);
    auto source = pair.open_source();
    EXPECT_EQ(delta::make_site(source, pair.job(), "id", "target", {}).schema, pair.site().schema);
    const auto error =
        error_of([&] { delta::make_site(source, pair.job(), "other", "elsewhere", {}); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::no_go);
    EXPECT_NE(error.report().find("for the target target"), std::string::npos) << error.report();
    EXPECT_NE(error.hint().find("--job"), std::string::npos);
}

TEST_P(Installing, LeavesNothingBehindWhenItIsRemoved) {
    LivePair pair(GetParam(), std::string(kTables) +
                                  "create table p (id int) partition by list (id);"
                                  "create table p1 partition of p default;"
                                  "create table \"a/b\" (id int);");
    pair.source("insert into t values (1); insert into p values (1); truncate u;");
    auto source = pair.open_source();
    EXPECT_EQ(delta::jobs_on(source), std::vector<std::string>{pair.job()});
    const auto removed = delta::remove_all(source, pair.job(), interrupt_);
    EXPECT_EQ(removed.triggers, 4 + 4 + 2 + 4);
    EXPECT_EQ(removed.schema, GetParam() == As::superuser);
    EXPECT_EQ(traces(pair), "");
    EXPECT_TRUE(delta::jobs_on(source).empty());
    const auto again = delta::remove_all(source, pair.job(), interrupt_);
    EXPECT_EQ(again.triggers + again.objects, 0);
    pair.source("insert into t values (2); insert into p values (2); truncate u;");
}

TEST_P(Installing, RemovesItsOwnOnly) {
    LivePair pair(GetParam(), kTables);
    const auto alone = traces(pair);
    auto source = pair.open_source();
    const std::string other = pair.job() + "2";
    const auto site = delta::make_site(source, other, "other", "elsewhere", {pair.info("t")});
    for (const auto* table : {"t", "u"}) {
        delta::install(source, site, pair.info(table), interrupt_, [](const std::string&) {});
    }
    EXPECT_EQ(delta::jobs_on(source), (std::vector<std::string>{pair.job(), other}));
    pair.source("insert into t values (1); update u set id = 1;");
    delta::remove_all(source, other, interrupt_);
    EXPECT_EQ(traces(pair), alone);
    pair.source("insert into t values (2);");
    pair.catch_up();
    EXPECT_TRUE(pair.equal());
}

TEST_P(Installing, WaitsForReadersWithoutHoldingThemUpWhenItIsRemoved) {
    LivePair pair(GetParam(), kTables);
    auto reader = connect(pair.source_as_owner(), interrupt_);
    reader.execute({"hold", "begin; select * from public.t"});
    std::atomic<bool> done{false};
    std::jthread removing([&] {
        auto source = pair.open_source();
        delta::remove_all(source, pair.job(), interrupt_);
        done = true;
    });
    auto writer = connect(pair.source_as_owner(), interrupt_);
    Clock::duration longest{0};
    const auto until = Clock::now() + std::chrono::seconds(2);
    for (int i = 1; Clock::now() < until; ++i) {
        const auto began = Clock::now();
        writer.execute({"write", fmt::format("insert into public.t values ({})", i)});
        longest = std::max(longest, Clock::now() - began);
    }
    EXPECT_LT(longest, delta::kShortLock + milliseconds(1500));
    EXPECT_FALSE(done);
    reader.execute({"let_go", "commit"});
    removing.join();
    EXPECT_EQ(traces(pair), "");
}

INSTANTIATE_TEST_SUITE_P(As, Installing, testing::Values(As::superuser, As::owner), as_name);

class Sites : public ServerTest {};

TEST_F(Sites, NeedOneSchemaToCreateIn) {
    const std::string name = "sites";
    create_database(live_cluster(), name);
    const auto superuser = live_cluster().conninfo(name);
    psql(superuser,
         "do $$ begin create role app login; exception when duplicate_object then null; end $$;"
         "create table t (id int primary key); alter table t owner to app;");
    auto source = connect(live_cluster().conninfo(name, "app"), interrupt_);
    const auto tables = catalog_of(source).tables;
    const auto error = error_of([&] { delta::make_site(source, "j", "id", "new", tables); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::no_go);
    EXPECT_NE(error.hint().find("create schema pghaul authorization \"app\""), std::string::npos)
        << error.report();
    EXPECT_FALSE(delta::find_site(source, "j"));

    psql(superuser, "create schema pghaul authorization app;");
    EXPECT_EQ(delta::make_site(source, "j", "id", "new", tables).schema, "pghaul");
    EXPECT_EQ(delta::find_site(source, "j")->schema, "pghaul");
    EXPECT_FALSE(delta::find_site(source, "i"));
    delta::install(source, *delta::find_site(source, "j"), tables.at(0), interrupt_,
                   [](const std::string&) {});
    EXPECT_TRUE(delta::remove_all(source, "j", interrupt_).schema);
}

TEST_F(Sites, KeepASchemaInWhichOthersHaveSomething) {
    const std::string name = "shared_site";
    create_database(live_cluster(), name);
    const auto superuser = live_cluster().conninfo(name);
    auto source = connect(superuser, interrupt_);
    delta::make_site(source, "j", "id", "new", {});
    psql(superuser, "create table pghaul.mine (id int);");
    EXPECT_FALSE(delta::remove_all(source, "j", interrupt_).schema);
    EXPECT_EQ(psql(superuser, "select count(*) from pghaul.mine;"), "0");
}

}  // namespace
}  // namespace pghaul::test
