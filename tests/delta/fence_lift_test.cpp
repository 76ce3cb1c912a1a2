// The fence goes as it came: at once for writers, and without a trace.
#include <thread>

#include "delta/fence.hpp"
#include "delta/lock_out.hpp"
#include "io/transaction.hpp"
#include "tests/delta/delta_servers.hpp"

namespace pghaul::delta {
namespace {

using namespace std::chrono_literals;

const CaptureSite kSite{"job", "public"};

class FenceLiftTest : public test::OnVersion {
  protected:
    void SetUp() override {
        OnVersion::SetUp();
        if (IsSkipped()) return;
        sql("create schema \"S\"\"x\"; create table \"S\"\"x\".\"t.\n1\" (id int); "
            "create table r (id int) partition by range (id); "
            "create table leaf partition of r for values from (0) to (9); "
            "create table p (id int); create table c () inherits (p)");
    }
    void fence(const CaptureSite& site = kSite) {
        auto source = owner();
        const auto tables = test::tables_of(source);
        io::Transaction transaction(source);
        lock_out_writers(source, tables, 5s);
        install_fence(source, site, tables, "there");
        transaction.commit();
    }
    void lift() {
        auto source = owner();
        lift_fence(source, kSite, interrupt_);
    }
    std::string write_everywhere() {
        return test::psql(database_.as_owner,
                          "insert into \"S\"\"x\".\"t.\n1\" values (1); insert into r values (1); "
                          "update r set id = 2; delete from r; insert into r values (3); "
                          "insert into c values (1); update p set id = 4; delete from p; "
                          "truncate p; select count(*) from r");
    }
    std::string ours() {
        return ask(
            "select (select count(*) from pg_trigger where tgname like 'pghaul/%'), "
            "(select count(*) from pg_proc where proname like 'pghaul/%')");
    }
};

TEST_P(FenceLiftTest, LeavesNothingBehind) {
    fence();
    EXPECT_EQ(ours(), "8|1");
    lift();
    EXPECT_EQ(ours(), "0|0");
    EXPECT_EQ(write_everywhere(), "1");
    lift();  // there is nothing to lift any more
    auto source = owner();
    EXPECT_FALSE(fence_exists(source, kSite));
}

TEST_P(FenceLiftTest, LeavesOthersTriggersAlone) {
    sql("create function f() returns trigger language plpgsql as 'begin return new; end'; "
        "create trigger fence before insert on p for each row execute procedure f()");
    fence();
    fence({"other", "public"});
    lift();
    EXPECT_EQ(ours(), "8|1");
    EXPECT_EQ(ask("select count(*) from pg_trigger where tgname = 'fence'"), "1");
}

TEST_P(FenceLiftTest, FindsItInWhateverSchemaItIs) {
    fence();
    sql("create schema elsewhere; alter function \"pghaul/job/fence\"() set schema elsewhere");
    lift();
    EXPECT_EQ(ours(), "0|0");
}

TEST_P(FenceLiftTest, FindsTriggersOfTablesThatWereRenamed) {
    fence();
    sql("alter table \"S\"\"x\".\"t.\n1\" rename to t2; drop table c");
    lift();
    EXPECT_EQ(ours(), "0|0");
}

TEST_P(FenceLiftTest, LetsWritersInWhileAReaderHoldsUpTheRest) {
    fence();
    auto reader = owner();
    reader.execute({"read", "begin; select from public.leaf"});
    std::optional<io::Error> error;
    std::thread lifting([&] {
        try {
            lift();
        } catch (const io::Error& e) {
            error = e;
        }
    });
    // Only a fence that stands open lets this through while the trigger is still there.
    EXPECT_TRUE(test::eventually([&] {
        try {
            return test::psql(database_.as_owner,
                              "insert into leaf values (1); update leaf set id = 2; "
                              "select id from leaf; delete from leaf; select count(*) from leaf") ==
                   "2\n0";
        } catch (const std::exception&) {
            return false;
        }
    }));
    EXPECT_EQ(ask("select count(*) from pg_trigger where tgname like 'pghaul/%' "
                  "and tgrelid = 'leaf'::regclass"),
              "2");
    lifting.join();
    ASSERT_TRUE(error);
    EXPECT_EQ(error->exit_code(), io::ExitCode::stopped);
    EXPECT_TRUE(error->retryable());
    EXPECT_NE(error->detail().find("public.leaf is held by pid " +
                                   std::to_string(reader.backend_pid()) + " (app, for "),
              std::string::npos)
        << error->report();
    EXPECT_EQ(ours(), "2|1") << "the other tables are free of it";
    auto source = owner();
    EXPECT_TRUE(fence_exists(source, kSite));

    fence();  // closes it again
    EXPECT_THROW(write_everywhere(), std::exception);
    reader.execute({"commit", "commit"});
    lift();
    EXPECT_EQ(ours(), "0|0");
    EXPECT_EQ(write_everywhere(), "1");
}

TEST_P(FenceLiftTest, GoesOnWhenTheReaderHasGone) {
    fence();
    auto reader = owner();
    reader.execute({"read", "begin; select from only public.p"});
    std::thread lifting([&] { EXPECT_NO_THROW(lift()); });
    EXPECT_TRUE(test::eventually([&] { return ours() == "2|1"; })) << ours();
    reader.execute({"commit", "commit"});
    lifting.join();
    EXPECT_EQ(ours(), "0|0");
}

INSTANTIATE_TEST_SUITE_P(Version, FenceLiftTest, testing::Values(10, 13, 18), test::version_name);

}  // namespace
}  // namespace pghaul::delta
