// A run ends with every table proven: what was loaded is read back, what is not proven so is
// compared on both servers, and neither run nor cutover passes a difference.
#include <gtest/gtest.h>

#include "tests/cmd/live_steps.hpp"
#include "tests/cmd/verify_steps.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::test {
namespace {

constexpr const char* kTables = R"sql(
    create table large (id int primary key, pad text);
    insert into large select i, repeat('l', 200) from generate_series(1, 20000) i;
    create index on large (pad, id);
    create table small (id int primary key, v text, n numeric);
    insert into small select i, 's' || i, i from generate_series(1, 100) i;
    create table keyless (a int, b text);
    insert into keyless select i % 7, 'k' from generate_series(1, 12000) i;
    select lo_from_bytea(9000 + i, convert_to(repeat('o', i * 300000), 'UTF8'))
      from generate_series(1, 5) i;
    analyze;
)sql";

std::string proofs(const Pair& pair) {
    return pair.target_sql(
        "select string_agg(distinct coalesce(proof, 'none'), ', ') from pghaul.table_plan;");
}

class Prove : public HaulTest {};

TEST_F(Prove, TheCopyReadsEveryTableBack) {
    const auto pair = fresh_pair(kTables);
    ASSERT_TRUE(exited(run(pair, {"--chunk-size=1MB"}), 0));
    EXPECT_EQ(proofs(pair), "read back");
    EXPECT_GT(fewest_chunks(pair), 0);
    const auto again = run(pair, {"--chunk-size=1MB"});
    EXPECT_TRUE(exited(again, 0));
    EXPECT_TRUE(holds(again.out, "done already"));
}

TEST_F(Prove, AreNotReadWhenThatIsNotWantedAndComparedWhenItIsLater) {
    const auto pair = fresh_pair(kTables);
    ASSERT_TRUE(exited(run(pair, {"--verify", "none"}), 0));
    EXPECT_EQ(proofs(pair), "unwanted");
    ASSERT_TRUE(exited(run(pair), 0));
    EXPECT_EQ(proofs(pair), "compared");
    const auto full = fresh_pair(kTables);
    ASSERT_TRUE(exited(run(full, {"--verify", "full"}), 0));
    EXPECT_EQ(proofs(full), "compared");
}

/// The run is killed behind some chunks, and what they brought is changed before the next one.
TEST_F(Prove, ARowThatChangesOnTheTargetBeforeItIsReadBackIsNamed) {
    for (const bool live : {false, true}) {
        const auto pair = fresh_pair(kTables);
        Arguments more = {"--chunk-size=1MB", "-j", "1"};
        if (!live) more.insert(more.end(), {"--no-capture", "--source-is-quiet"});
        const auto killed =
            run_live(pair, more, {{"PGHAUL_FAILPOINTS", "read_back_before_mark=kill"}});
        ASSERT_EQ(killed.signal, SIGKILL) << killed.err;
        EXPECT_EQ(
            pair.target_sql("update large set pad = 'x' where id = 4711 returning 1;").substr(0, 1),
            "1");
        const auto found = run_live(pair, more);
        EXPECT_TRUE(refused(found, 4, {"public.large", "1 difference"}));
        EXPECT_TRUE(holds(found.err, "id=4711 differs in pad"));
        EXPECT_TRUE(refused(run_live(pair, more), 4, {"public.large"}));
        EXPECT_TRUE(exited(verify(pair, {"--repair"}), 0));
        EXPECT_TRUE(exited(run_live(pair, more), 0));
        EXPECT_TRUE(same_rows(pair));
    }
}

/// The application truncates two tables while a comparison stands before a third, and waits for
/// none.
TEST_F(Prove, AComparisonHoldsUpNoTruncationAndLooksAgain) {
    const auto pair = live_pair(As::owner, kTables);
    ASSERT_TRUE(exited(run_live(pair), 0));
    const auto compare = [&](const Arguments& command) {
        Holder holder(pair.source, "begin; lock table public.large in access exclusive mode");
        Arguments arguments = command;
        for (const auto& one : {"--source", pair.source.c_str(), "--target", pair.target.c_str(),
                                "--progress", "none", "-j", "2"}) {
            arguments.emplace_back(one);
        }
        ChildProcess child(arguments);
        EXPECT_TRUE(eventually([&] {
            return pair.source_sql("select count(*) > 0 from pg_locks where not granted;") == "t";
        }));
        pair.source_sql(
            "set lock_timeout = '2s'; truncate small; insert into small values (1, 's', 1);"
            "truncate keyless; insert into keyless values (1, 'k'), (1, 'k');");
        holder.let_go();
        const auto ended = child.wait(std::chrono::seconds(60));
        EXPECT_TRUE(ended) << "it waits for ever";
        return ended ? *ended : ProcessResult{};
    };
    const auto verified = compare({PGHAUL_PROGRAM, "verify"});
    EXPECT_TRUE(exited(verified, 0));
    EXPECT_TRUE(holds(verified.out, "compared 3 tables, 20,003 rows, "));
    const auto proven = compare({PGHAUL_PROGRAM, "run", "--verify", "full"});
    EXPECT_TRUE(exited(proven, 0));
    EXPECT_EQ(proofs(pair), "compared");
    EXPECT_TRUE(same_rows(pair));
}

/// Found by rounds of faults: there is no moment at which such a table can be read without a lock.
TEST_F(Prove, ATableThatIsTruncatedAllTheTimeIsComparedAndMendedToo) {
    const auto pair = live_pair(As::owner, std::string(kTables) +
                                               "create table queue (id serial primary key, v int);"
                                               "create table busy (id int); insert into busy "
                                               "values (1);");
    ASSERT_TRUE(exited(run_live(pair, {"--verify", "none"}), 0));
    Writers writers(pair.source,
                    {"truncate queue; insert into queue (v) select # from generate_series(1, 50)",
                     "begin; truncate busy; insert into busy values (#); truncate queue; commit"},
                    {.pause = std::chrono::milliseconds(2)});
    writers.await(2);
    as_superuser(pair).target_sql("delete from small where id = 5;");
    const auto found_one = verify(pair);
    EXPECT_TRUE(exited(found_one, 4));
    EXPECT_EQ(found(found_one), Lines{"public.small: id=5 is missing on the target"});
    EXPECT_TRUE(holds(found_one.out, "compared 5 tables, "));
    EXPECT_TRUE(exited(verify(as_superuser(pair), {"--repair"}), 0));
    EXPECT_TRUE(exited(run_live(pair, {"--verify", "full"}), 0));
    writers.stop();
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_F(Prove, CutoverRefusesWhileADifferenceStands) {
    const auto pair = live_pair(As::owner, kTables);
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.target_sql("delete from small where id = 5;");
    EXPECT_TRUE(exited(verify(pair), 4));
    const Arguments cutover = {PGHAUL_PROGRAM, "cutover",   "--source",   pair.source,
                               "--target",     pair.target, "--progress", "none"};
    EXPECT_TRUE(refused(run_process(cutover), 4, {"public.small", "1 difference"}));
    pair.source_sql("insert into small values (0, 'still writable');");
    EXPECT_TRUE(exited(verify(pair, {"--repair"}), 0));
    EXPECT_TRUE(exited(run_process(cutover), 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_F(Prove, ChangesAreCheckedAsTheyAreApplied) {
    const auto pair = live_pair(As::superuser, kTables);
    ASSERT_TRUE(exited(run_live(pair), 0));
    pair.target_sql("alter table small alter n type numeric(9, 0);");
    const auto position = pair.target_sql("select delta_from from pghaul.job;");
    pair.source_sql("update small set n = 7.5 where id = 7;");
    const auto found = follow(pair);
    EXPECT_TRUE(refused(found, 4, {"public.small", "differ"}));
    EXPECT_EQ(pair.target_sql("select delta_from from pghaul.job;"), position);
    pair.target_sql("alter table small alter n type numeric;");
    EXPECT_TRUE(exited(follow(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

}  // namespace
}  // namespace pghaul::test
