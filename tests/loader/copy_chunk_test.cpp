#include "loader/copy_chunk.hpp"

#include "io/direct_source.hpp"
#include "io/transaction.hpp"
#include "tests/loader/two_databases.hpp"
#include "tests/support/equality.hpp"

namespace pghaul::loader {
namespace {

using snapshot::Format;
using test::error_of;

class CopyChunkTest : public test::TwoDatabases {
  protected:
    /// Copies one chunk in transactions of its own, on connections of its own.
    std::int64_t copy(int table, int chunk, bool lock_table = false) {
        auto source = test::connect(source_database_, interrupt_);
        auto target = test::connect(target_database_, interrupt_);
        const auto& plan = plan_.tables[static_cast<std::size_t>(table)];
        io::Transaction reading(source, "isolation level repeatable read read only");
        io::Transaction writing(target);
        io::DirectSource rows_of_source(source);
        io::CopyTarget rows_to(target);
        const auto loaded = copy_chunk(
            rows_of_source, rows_to,
            {plan, plan.chunks[static_cast<std::size_t>(chunk)], plan_.encoding, lock_table},
            progress_, interrupt_);
        mark_loaded(target, ticket(), {loaded});
        client_encodings_ =
            source.parameter("client_encoding") + " " + target.parameter("client_encoding");
        writing.commit();
        return static_cast<std::int64_t>(loaded.rows.rows);
    }
    std::int64_t copy_all() {
        std::int64_t rows = 0;
        for (const auto& table : plan_.tables) {
            for (const auto& chunk : table.chunks) rows += copy(table.number, chunk.number);
        }
        return rows;
    }
    void expect_same_rows() {
        EXPECT_EQ(test::compare_databases(source_database_, target_database_), "");
    }

    io::StreamProgress progress_;
    std::string client_encodings_;
};

TEST_F(CopyChunkTest, MovesEveryChunkAndMarksItWithItsRows) {
    on_both("create table t (id bigint primary key, doc text, n numeric, j jsonb)");
    on_source(
        "insert into t select i, repeat('ä' || i, i % 50), i / 7.0, jsonb_build_object('i', i) "
        "from generate_series(1, 20000) i; analyze");
    begin_job({plan_of("t", 5)});
    ASSERT_EQ(plan_.tables[0].chunks.size(), 5U);
    EXPECT_EQ(copy_all(), 20000);
    EXPECT_EQ(journal_->missing_chunks(), 0);
    EXPECT_EQ(journal_->totals().rows, 20000);
    EXPECT_EQ(progress_.rows(), 20000U);
    EXPECT_EQ(journal_->totals().sent_bytes, static_cast<std::int64_t>(progress_.bytes()));
    expect_same_rows();
}

TEST_F(CopyChunkTest, MovesTheSameRowsAsText) {
    on_both("create table t (id int primary key, a text[], s text, b bytea)");
    on_source(
        "insert into t select i, array['x', null, E'\\\\'], E'tab\\t\\\\.\\n' || i, '\\x00ff' "
        "from generate_series(1, 500) i");
    auto plan = plan_of("t");
    plan.format = Format::text;
    begin_job({plan});
    EXPECT_EQ(copy_all(), 500);
    expect_same_rows();
}

TEST_F(CopyChunkTest, MovesTablesThatNeedSpecialCare) {
    on_both(
        "create table nothing (); create table empty (id int); "
        "create table generated (a int, b int generated always as (a * 2) stored); "
        "create table computed (b int generated always as (1) stored); "
        "create table identity (id int generated always as identity, x int); "
        "create table parent (id int); create table child (more int) inherits (parent)");
    on_source(
        "insert into nothing default values; insert into nothing default values; "
        "insert into generated (a) values (1), (2); "
        "insert into computed default values; "
        "insert into identity (x) values (7), (8); delete from identity where id = 1; "
        "insert into parent values (1); insert into child values (2, 3)");
    begin_job({plan_of("nothing"), plan_of("empty"), plan_of("generated"), plan_of("computed"),
               plan_of("identity"), plan_of("parent"), plan_of("child")});
    EXPECT_EQ(copy_all(), 2 + 0 + 2 + 1 + 1 + 1 + 1);
    EXPECT_EQ(test::compare_databases(source_database_, target_database_,
                                      {.sequences = false,
                                       .large_objects = true,
                                       .materialized_views = true,
                                       .schema = false,
                                       .schema_dump_options = {}}),
              "");
}

TEST_F(CopyChunkTest, MovesAKeylessTableByItsPages) {
    on_both("create table t (x int, pad text)");
    on_source("insert into t select i % 7, repeat('x', 200) from generate_series(1, 5000) i");
    begin_job({plan_of("t", 4)});
    ASSERT_EQ(plan_.tables[0].chunks.size(), 4U);
    EXPECT_EQ(copy_all(), 5000);
    expect_same_rows();
}

TEST_F(CopyChunkTest, FreezesRowsAndEmptiesTheTableFirstWhereAskedTo) {
    on_both("create table t (id int)");
    on_source("insert into t values (1), (2)");
    on_target("insert into t values (99)");  // of an attempt that was given up
    auto plan = plan_of("t");
    plan.freeze = true;
    begin_job({plan});
    EXPECT_EQ(copy_all(), 2);
    expect_same_rows();
    on_target("create extension pageinspect");
    // 0x0300: both bits of a frozen row.
    EXPECT_EQ(ask_target("select count(*) from heap_page_items(get_raw_page('t', 0)) "
                         "where t_infomask & 768 = 768"),
              "2");
}

TEST_F(CopyChunkTest, CarriesRowsInTheSourcesEncodingAndPutsTheSessionsBack) {
    use(test::fresh_database("encoding 'LATIN1' locale 'C' template template0"),
        test::fresh_database());
    on_both("create table t (id int primary key, \"größe\" text)");
    on_source("insert into t values (1, 'Übergröße'), (2, E'\\\\\\t')");
    for (const auto format : {Format::binary, Format::text}) {
        auto plan = plan_of("t");
        plan.format = format;
        plan.freeze = true;
        begin_job({plan});
        plan_.encoding = "LATIN1";
        EXPECT_EQ(copy_all(), 2);
        EXPECT_EQ(client_encodings_, "UTF8 UTF8");
        EXPECT_EQ(ask_target("select string_agg(\"größe\", ',' order by id) from t"),
                  "Übergröße,\\\t");
        journal_->remove();
    }
}

TEST_F(CopyChunkTest, LeavesNeitherRowsNorMarkWhenTheTargetRefusesARow) {
    on_both("create table t (id int primary key)");
    on_source("insert into t select generate_series(1, 100)");
    on_target("alter table t add check (id < 100)");
    begin_job({plan_of("t")});
    const auto error = error_of([&] { copy_all(); });
    EXPECT_EQ(error.sqlstate(), "23514");
    EXPECT_EQ(error.statement(), "copy_in");
    EXPECT_EQ(ask_target("select count(*) from t"), "0");
    EXPECT_EQ(journal_->missing_chunks(), 1);
}

TEST_F(CopyChunkTest, NoticesAnErrorOfTheTargetWhileItSends) {
    on_both("create table t (id int, pad text); alter table t alter pad set storage external");
    on_source("insert into t select i, repeat('x', 1900) from generate_series(1, 40000) i");
    on_target("alter table t add check (id > 10)");  // the first row fails
    begin_job({plan_of("t")});
    EXPECT_EQ(error_of([&] { copy_all(); }).sqlstate(), "23514");
    // Blocks in flight and what fits into the sockets' buffers, not the 76 MB of the table.
    EXPECT_LT(progress_.bytes(), 25U << 20);
    // And the source was cancelled, not drained.
    EXPECT_TRUE(test::eventually([&] {
        return test::psql(source_database_,
                          "select count(*) from pg_stat_activity where datname = "
                          "current_database() and query like 'copy%'") == "0";
    }));
}

TEST_F(CopyChunkTest, TellsAnErrorOfTheSourceFromOneOfTheTarget) {
    on_both("create table t (id int primary key)");
    begin_job({plan_of("t")});
    on_source("drop table t");
    const auto error = error_of([&] { copy_all(); });
    EXPECT_EQ(error.sqlstate(), "42P01");
    EXPECT_EQ(error.statement(), "copy_out");
}

TEST_F(CopyChunkTest, RefusesToMarkWhenTheTargetDropsRows) {
    on_both("create table t (id int primary key)");
    on_source("insert into t select generate_series(1, 10)");
    on_target(
        "create function drop_odd() returns trigger language plpgsql as $$ begin "
        "if new.id % 2 = 1 then return null; end if; return new; end $$; "
        "create trigger drop_odd before insert on t for each row execute function drop_odd()");
    begin_job({plan_of("t")});
    const auto error = error_of([&] { copy_all(); });
    EXPECT_NE(error.report().find("sent 10 rows but the target took 5"), std::string::npos)
        << error.report();
    EXPECT_NE(error.hint().find("trigger"), std::string::npos);
    EXPECT_FALSE(error.retryable());
    EXPECT_EQ(ask_target("select count(*) from t"), "0");
    EXPECT_EQ(journal_->missing_chunks(), 1);
}

TEST_F(CopyChunkTest, RefusesToLoadAChunkTwice) {
    on_both("create table t (id int)");
    on_source("insert into t values (1)");
    begin_job({plan_of("t")});
    EXPECT_EQ(copy(0, 0), 1);
    EXPECT_EQ(error_of([&] { copy(0, 0); }).exit_code(), io::ExitCode::stopped);
    EXPECT_EQ(ask_target("select count(*) from t"), "1");
}

TEST_F(CopyChunkTest, NoticesATableThatWasRewrittenBeforeItCouldBeLocked) {
    on_both("create table t (id int)");
    on_source("insert into t values (1)");
    begin_job({plan_of("t")});
    on_source("truncate t");
    const auto error = error_of([&] { copy(0, 0, true); });
    EXPECT_EQ(error.exit_code(), io::ExitCode::no_go);
    EXPECT_NE(error.hint().find("max_locks_per_transaction"), std::string::npos);

    plan_.tables[0].info.filenode = plan_of("t").info.filenode;
    EXPECT_EQ(copy(0, 0, true), 0) << "now it is the file that the plan knows";
}

TEST_F(CopyChunkTest, StopsBetweenBlocksWhenTheRunIsInterrupted) {
    on_both("create table t (id int)");
    on_source("insert into t select generate_series(1, 1000)");
    begin_job({plan_of("t")});
    auto source = test::connect(source_database_, interrupt_);
    auto target = test::connect(target_database_, interrupt_);
    interrupt_.fire();
    io::DirectSource rows_of_source(source);
    io::CopyTarget rows_to(target);
    EXPECT_THROW(copy_chunk(rows_of_source, rows_to,
                            {plan_.tables[0], plan_.tables[0].chunks[0], plan_.encoding, false},
                            progress_, interrupt_),
                 io::Interrupted);
}

}  // namespace
}  // namespace pghaul::loader
