// User triggers and rules rest on the target while changes are applied, then are as on the source.
#include "delta/target_guards.hpp"
#include "tests/delta/delta_servers.hpp"

namespace pghaul::delta {
namespace {

class TargetTriggersTest : public test::OnVersion {
  protected:
    void SetUp() override {
        OnVersion::SetUp();
        if (!IsSkipped()) target_ = test::owned_database(GetParam(), "target");
    }
    void on_both(const std::string& text) {
        sql(text);
        test::psql(target_.as_owner, text);
    }
    void on_target(const std::string& text) { test::psql(target_.as_owner, text); }
    std::string ask_target(const std::string& text) {
        return test::psql(target_.as_superuser, text);
    }
    /// A database's triggers and rules: "name state", those of constraints left out.
    static std::string states(const std::string& database) {
        return test::psql(
            database,
            "select string_agg(what, ', ' order by what collate \"C\") from ("
            "select tgrelid::regclass || '.' || tgname || ' ' || tgenabled::text as what "
            "from pg_trigger where tgname !~ '^RI_' union all "
            "select ev_class::regclass || '.' || rulename || ' ' || ev_enabled::text "
            "from pg_rewrite where ev_class >= 16384) as x");
    }
    std::string states() { return states(target_.as_superuser); }
    snapshot::Plan plan() {
        auto source = owner();
        return test::plan_of(source);
    }
    void suspend() {
        auto target = test::connect(target_.as_owner, interrupt_);
        suspend_user_triggers(target, plan());
    }
    std::vector<std::string> restore() {
        auto source = owner();
        auto target = test::connect(target_.as_owner, interrupt_);
        return restore_user_triggers(source, target, plan());
    }

    test::TestDatabase target_;
};

constexpr const char* kFunction =
    "create function f() returns trigger language plpgsql as "
    "'begin raise exception ''fired''; end'; ";
constexpr const char* kTriggers =
    "create table t (id int primary key, o int references t); create table log (id int); "
    "create trigger o before insert on t for each row execute procedure f(); "
    "create trigger d before insert on t for each row execute procedure f(); "
    "create trigger r before insert on t for each row execute procedure f(); "
    "create trigger a after insert or truncate on t for each statement execute procedure f(); "
    "create constraint trigger c after insert on t deferrable initially deferred "
    "for each row execute procedure f(); "
    "create rule ro as on insert to t do also insert into log values (1); "
    "create rule ra as on insert to t do also insert into log values (2); "
    "create rule rd as on insert to t do also insert into log values (3); "
    "alter table t disable trigger d, enable replica trigger r, enable always trigger a, "
    "enable always rule ra, disable rule rd; create view v as select * from t";

TEST_P(TargetTriggersTest, AreAllDisabledAndThenAsOnTheSource) {
    on_both(std::string(kFunction) + kTriggers);
    const auto before = states();
    EXPECT_EQ(before, "t.a A, t.c O, t.d D, t.o O, t.r R, t.ra A, t.rd D, t.ro O, v._RETURN O");
    suspend();
    EXPECT_EQ(states(), "t.a D, t.c D, t.d D, t.o D, t.r D, t.ra D, t.rd D, t.ro D, v._RETURN O");
    suspend();
    EXPECT_TRUE(restore().empty());
    EXPECT_EQ(states(), before);
    EXPECT_TRUE(restore().empty());
    EXPECT_EQ(states(), before);
}

TEST_P(TargetTriggersTest, DoNotFireForWhoAppliesInEitherMode) {
    on_both(std::string(kFunction) + kTriggers);
    suspend();
    for (const auto& database : {target_.as_superuser, target_.as_owner}) {
        auto target = test::connect(database, interrupt_);
        apply_session(target, detect_apply_mode(target));
        EXPECT_NO_THROW(target.execute({"apply",
                                        "insert into public.t values (1); "
                                        "delete from public.t"}));
        EXPECT_EQ(ask_target("select count(*) from log"), "0");
    }
}

TEST_P(TargetTriggersTest, KeepForeignKeysTriggers) {
    on_both(std::string(kFunction) + kTriggers);
    const auto* enabled =
        "select count(*) from pg_trigger where tgname ~ '^RI_' "
        "and tgenabled = 'O'";
    EXPECT_EQ(ask_target(enabled), "4");
    suspend();
    EXPECT_EQ(ask_target(enabled), "4");
}

TEST_P(TargetTriggersTest, KnowOddNames) {
    on_both(std::string(kFunction) +
            "create schema \"a.b\"\"c\"; create table \"a.b\"\"c\".\"t\nü\" (id int); "
            "create trigger \"it's \"\"x\"\"\n%\" before insert on \"a.b\"\"c\".\"t\nü\" "
            "for each row execute procedure public.f(); "
            "create rule \"it's \"\"x\"\"\n%\" as on update to \"a.b\"\"c\".\"t\nü\" "
            "do instead nothing; alter table \"a.b\"\"c\".\"t\nü\" enable always rule "
            "\"it's \"\"x\"\"\n%\"");
    const auto before = states();
    suspend();
    EXPECT_EQ(ask_target("select min(tgenabled) || max(tgenabled) from pg_trigger"), "DD");
    EXPECT_NO_THROW(on_target("insert into \"a.b\"\"c\".\"t\nü\" values (1)"));
    restore();
    EXPECT_EQ(states(), before);
}

TEST_P(TargetTriggersTest, TellWhichTheSourceDoesNotHave) {
    on_both(std::string(kFunction) + "create table \"T\" (id int)");
    on_target(
        "create trigger mine before insert on \"T\" for each row execute procedure f(); "
        "create trigger off before insert on \"T\" for each row execute procedure f(); "
        "create rule r as on update to \"T\" do instead nothing");
    // The source's capture is not a trigger of the user's.
    sql("create trigger \"pghaul/job/row\" before insert on \"T\" for each row "
        "execute procedure f()");
    on_target(
        "create trigger \"pghaul/job/row\" before insert on \"T\" for each row "
        "execute procedure f()");
    suspend();
    on_target("alter table \"T\" enable trigger off");
    const std::vector<std::string> left = {"trigger mine of public.\"T\"",
                                           "trigger pghaul/job/row of public.\"T\"",
                                           "rule r of public.\"T\""};
    EXPECT_EQ(restore(), left);
    EXPECT_EQ(states(), "\"T\".mine D, \"T\".off O, \"T\".pghaul/job/row D, \"T\".r D");
}

TEST_P(TargetTriggersTest, LeaveTablesAloneThatAreNotMoved) {
    on_both(std::string(kFunction) + "create table t (id int)");
    on_target(
        "create table other (id int); create trigger o before insert on other "
        "for each row execute procedure f()");
    suspend();
    EXPECT_EQ(states(), "other.o O");
}

TEST_P(TargetTriggersTest, TryWhatTheRoleMay) {
    auto as_superuser = test::connect(target_.as_superuser, interrupt_);
    EXPECT_EQ(detect_apply_mode(as_superuser), ApplyMode::replica);
    EXPECT_EQ(as_superuser.query_value({"role", "show session_replication_role"}), "origin");
    auto as_owner = test::connect(target_.as_owner, interrupt_);
    EXPECT_EQ(detect_apply_mode(as_owner), ApplyMode::guarded);
    if (GetParam() < 15) return;
    ask_target("grant set on parameter session_replication_role to app");
    EXPECT_EQ(detect_apply_mode(as_owner), ApplyMode::replica);
    apply_session(as_owner, ApplyMode::replica);
    EXPECT_EQ(as_owner.query_value({"role", "show session_replication_role"}), "replica");
    ask_target("revoke set on parameter session_replication_role from app");
}

INSTANTIATE_TEST_SUITE_P(Version, TargetTriggersTest, testing::Values(10, 13, 15, 18),
                         test::version_name);

/// From 11 on a partition can have its triggers from its partitioned table.
class LeafTriggersTest : public TargetTriggersTest {
  protected:
    void SetUp() override {
        TargetTriggersTest::SetUp();
        if (IsSkipped()) return;
        on_both(std::string(kFunction) +
                "create table r (id int, k int) partition by range (id); "
                "create table m partition of r for values from (0) to (9) partition by list (k); "
                "create table l partition of m default; "
                "create table l2 partition of r for values from (10) to (20); "
                "create trigger o after insert on r for each row execute procedure f(); "
                "create trigger a after insert on r for each row execute procedure f(); "
                "create constraint trigger c after insert on r "
                "for each row execute procedure f();");
        // As superuser: in 11 and 12 nobody else may.
        for (const auto& database : {database_, target_}) {
            test::psql(database.as_superuser,
                       "alter table r enable always trigger a; "
                       "alter table only l enable replica trigger o, enable always trigger a; "
                       "alter table only l2 disable trigger o, enable always trigger a");
        }
    }
    static constexpr const char* kLeaves = "l.a A, l.c O, l.o R, l2.a A, l2.c O, l2.o D";
    static constexpr const char* kRest = "l.a D, l.c D, l.o D, l2.a D, l2.c D, l2.o D";
    std::string leaf_states() {
        return ask_target(
            "select string_agg(tgrelid::regclass || '.' || tgname || ' ' || "
            "tgenabled::text, ', ' order by tgrelid::regclass::text, tgname) "
            "from pg_trigger where tgrelid::regclass::text ~ '^l'");
    }
};

TEST_P(LeafTriggersTest, RestOnTheLeavesAndComeBackAsTheyWere) {
    ASSERT_EQ(leaf_states(), kLeaves);
    auto source = owner();
    auto target =
        test::connect(GetParam() < 13 ? target_.as_superuser : target_.as_owner, interrupt_);
    suspend_user_triggers(target, plan());
    EXPECT_EQ(leaf_states(), kRest);
    EXPECT_NO_THROW(on_target("insert into l values (1, 1)"));
    EXPECT_TRUE(restore_user_triggers(source, target, plan()).empty());
    EXPECT_EQ(leaf_states(), kLeaves);
}

INSTANTIATE_TEST_SUITE_P(Version, LeafTriggersTest, testing::Values(11, 13, 15, 18),
                         test::version_name);

class LeafTriggersOf11Test : public LeafTriggersTest {};

TEST_P(LeafTriggersOf11Test, AreSaidToNeedASuperuser) {
    const auto error = test::error_of([&] { suspend(); });
    EXPECT_EQ(error.sqlstate(), "42501");
    EXPECT_EQ(error.exit_code(), io::ExitCode::no_go);
    EXPECT_NE(error.report().find("triggers and rules of public.l on the target"),
              std::string::npos)
        << error.report();
    EXPECT_NE(error.hint().find("superuser"), std::string::npos) << error.report();
}

INSTANTIATE_TEST_SUITE_P(Version, LeafTriggersOf11Test, testing::Values(11), test::version_name);

}  // namespace
}  // namespace pghaul::delta
