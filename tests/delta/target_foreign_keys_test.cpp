// Foreign keys are away while changes are applied by a role that can't keep them from acting.
#include "delta/target_guards.hpp"
#include "tests/delta/delta_servers.hpp"

namespace pghaul::delta {
namespace {

class TargetForeignKeysTest : public test::OnVersion {
  protected:
    void SetUp() override {
        OnVersion::SetUp();
        if (!IsSkipped()) target_ = test::owned_database(GetParam(), "target");
    }
    void on_both(const std::string& text) {
        sql(text);
        on_target(text);
    }
    void on_target(const std::string& text) { test::psql(target_.as_owner, text); }
    std::string keys(const std::string& database) {
        return test::psql(database,
                          "select string_agg(conrelid::regclass || '.' || conname || ' ' || "
                          "case when convalidated then 'valid' else 'not valid' end, ', ' "
                          "order by conrelid::regclass::text, conname) from pg_constraint "
                          "where contype = 'f'");
    }
    std::string keys() { return keys(target_.as_superuser); }
    snapshot::Plan plan() {
        auto source = owner();
        return test::plan_of(source);
    }
    void drop() {
        auto target = test::connect(target_.as_owner, interrupt_);
        drop_foreign_keys(target, plan());
    }
    std::vector<snapshot::Problem> add() {
        auto target = test::connect(target_.as_owner, interrupt_);
        return add_foreign_keys_not_valid(target, plan());
    }

    test::TestDatabase target_;
};

constexpr const char* kKeys =
    "create schema \"S\"\"1\"; create table o (id int primary key); "
    "create table \"S\"\"1\".\"t.\nü\" (id int primary key, o int, up int); "
    "alter table \"S\"\"1\".\"t.\nü\" add constraint \"f \"\"x\"\"\n1\" "
    "foreign key (o) references o on delete cascade deferrable initially deferred; "
    "alter table \"S\"\"1\".\"t.\nü\" add constraint up "
    "foreign key (up) references \"S\"\"1\".\"t.\nü\" not valid; "
    "create table p (id int); create table c (foreign key (id) references o) inherits (p)";

TEST_P(TargetForeignKeysTest, GoAndComeBackNotValid) {
    on_both(kKeys);
    const std::string definitions =
        "select conname, conrelid::regclass, replace(pg_get_constraintdef(oid), ' NOT VALID', '') "
        "from pg_constraint where contype = 'f' order by 1";
    const auto before = test::psql(target_.as_owner, definitions);
    drop();
    EXPECT_EQ(keys(), "");
    on_target("insert into c values (9)");  // an orphan, which a key that is checked would refuse
    drop();
    EXPECT_TRUE(add().empty());
    EXPECT_EQ(test::psql(target_.as_owner,
                         "select count(*) from pg_constraint where contype = 'f' "
                         "and not convalidated"),
              "3");
    EXPECT_EQ(test::psql(target_.as_owner, definitions), before);
    EXPECT_THROW(on_target("insert into c values (10)"), std::exception);
    EXPECT_TRUE(add().empty());
}

TEST_P(TargetForeignKeysTest, ThatStandAreLeftAsTheyAre) {
    on_both("create table o (id int primary key); create table t (id int references o)");
    EXPECT_TRUE(add().empty());
    EXPECT_EQ(keys(), "t.t_id_fkey valid");
}

TEST_P(TargetForeignKeysTest, ThatCanNotBeMadeDoNotKeepTheOthersBack) {
    sql("create table o (id int primary key); create table t (id int references o); "
        "create table u (id int references o, t int unique); "
        "create table w (t int references u (t))");
    on_target(
        "create table t (id int); create table u (id int, t int unique); "
        "create table w (t int)");
    const auto problems = add();
    ASSERT_EQ(problems.size(), 2U);
    EXPECT_EQ(problems[0].subject, "foreign key t_id_fkey of public.t");
    EXPECT_NE(problems[0].message.find("public.o"), std::string::npos) << problems[0].message;
    EXPECT_EQ(keys(), "w.w_t_fkey not valid");
}

TEST_P(TargetForeignKeysTest, OfTablesThatAreNotMovedEndTheRun) {
    on_both("create table o (id int primary key); create table t (id int references o)");
    on_target("create table \"Other\" (id int references o on delete cascade)");
    const auto error = test::error_of([&] { drop(); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::no_go);
    EXPECT_NE(std::string(error.what()).find("Other_id_fkey of public.\"Other\""),
              std::string::npos)
        << error.report();
    EXPECT_EQ(keys(), "\"Other\".Other_id_fkey valid, t.t_id_fkey valid") << "nothing is dropped";
    on_target("drop table \"Other\"; create table fine (id int unique references fine (id))");
    drop();
    EXPECT_EQ(keys(), "fine.fine_id_fkey valid") << "that one has no part in what is moved";
}

INSTANTIATE_TEST_SUITE_P(Version, TargetForeignKeysTest, testing::Values(10, 13, 18),
                         test::version_name);

/// From 11 on partitioned tables can have foreign keys, from 12 on these can lead to one.
class PartitionedForeignKeysTest : public TargetForeignKeysTest {
  protected:
    static constexpr const char* kTables =
        "create table o (id int primary key) partition by range (id); "
        "create table ol partition of o for values from (0) to (9); "
        "create table r (id int) partition by range (id); "
        "create table m partition of r default partition by range (id); "
        "create table l partition of m default; ";
};

TEST_P(PartitionedForeignKeysTest, GoAndComeBackWithTheirLeaves) {
    on_both(std::string(kTables) +
            "alter table r add constraint f foreign key (id) references o on update cascade");
    const auto* implied = "select count(*) from pg_constraint where contype = 'f'";
    const auto before = test::psql(target_.as_owner, implied);
    drop();
    EXPECT_EQ(test::psql(target_.as_owner, implied), "0");
    EXPECT_TRUE(add().empty());
    EXPECT_EQ(test::psql(target_.as_owner, implied), before);
    drop();
    on_target("insert into l values (7)");
    const auto problems = add();
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].subject, "foreign key f of public.r");
    EXPECT_NE(problems[0].message.find("not there"), std::string::npos) << problems[0].message;
}

TEST_P(PartitionedForeignKeysTest, ThatLeadToAPartitionedTableFromElsewhereEndTheRun) {
    on_both(kTables);
    on_target("create table other (id int references o)");
    EXPECT_EQ(test::error_of([&] { drop(); }).exit_code(), io::ExitCode::no_go);
    on_target(
        "drop table other; alter table l add unique (id); "
        "create table other (id int references l (id))");
    EXPECT_EQ(test::error_of([&] { drop(); }).exit_code(), io::ExitCode::no_go);
    on_target("drop table other");
    EXPECT_NO_THROW(drop());
}

INSTANTIATE_TEST_SUITE_P(Version, PartitionedForeignKeysTest, testing::Values(13, 18),
                         test::version_name);

}  // namespace
}  // namespace pghaul::delta
