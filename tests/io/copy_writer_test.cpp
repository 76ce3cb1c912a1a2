#include "io/copy_writer.hpp"

#include <gtest/gtest.h>

#include "io/copy_reader.hpp"
#include "io/copy_target.hpp"
#include "io/transaction.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::io {
namespace {

using std::chrono::seconds;
using test::connect;
using test::error_of;
using test::fresh_database;
using test::psql;
using test::shared_cluster;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMegabyte = 1024 * 1024;

Block block_of(const std::string& text) {
    return {std::vector<char>(text.begin(), text.end()), 1, {}};
}

class CopyWriterTest : public test::ServerTest {
  protected:
    /// Copies table a to table b and returns the rows that each side counted.
    std::pair<std::int64_t, std::int64_t> copy(const std::string& options) {
        auto source = connect(database_, interrupt_);
        auto target = connect(database_, interrupt_);
        CopyReader reader(source, "read", "copy public.a to stdout " + options);
        CopyWriter writer(target, "write", "copy public.b from stdin " + options);
        for (Block block; reader.read(block); block = {}) writer.write(block);
        return {reader.rows(), writer.finish()};
    }
    std::string differences() const {
        return psql(database_,
                    "select count(*) from (select * from ((table a except all table b) union all "
                    "(table b except all table a)) as d) as e");
    }

    std::string database_ = fresh_database();
};

TEST_F(CopyWriterTest, MakesTheSameRowsInEitherFormat) {
    psql(database_,
         "create table a as select i, repeat(chr(i % 100 + 1), i % 3000) as t, i / 7.0 "
         "as n, null::int as nothing from generate_series(1, 5000) i; "
         "create table b (like a)");
    for (const auto* options : {"", "(format binary)"}) {
        psql(database_, "truncate b");
        EXPECT_EQ(copy(options), (std::pair<std::int64_t, std::int64_t>{5000, 5000})) << options;
        EXPECT_EQ(differences(), "0") << options;
    }
}

TEST_F(CopyWriterTest, CopiesNoRowsAndRowsWithoutColumns) {
    psql(database_, "create table a(); create table b()");
    for (const auto* options : {"", "(format binary)"}) {
        EXPECT_EQ(copy(options), (std::pair<std::int64_t, std::int64_t>{0, 0})) << options;
    }
    psql(database_, "insert into a default values; insert into a default values");
    EXPECT_EQ(copy(""), (std::pair<std::int64_t, std::int64_t>{2, 2}));
    EXPECT_EQ(psql(database_, "select count(*) from b"), "2");
}

TEST_F(CopyWriterTest, CopiesARowLargerThanABlock) {
    psql(database_,
         "create table a as select repeat('0123456789', 4000000) as t; "
         "create table b (like a)");
    for (const auto* options : {"", "(format binary)"}) {
        psql(database_, "truncate b");
        EXPECT_EQ(copy(options).second, 1) << options;
        EXPECT_EQ(differences(), "0") << options;
    }
}

TEST_F(CopyWriterTest, NoticesAnErrorWhileItSends) {
    psql(database_, "create table b(id int primary key, t text); insert into b values (1)");
    auto target = connect(database_, interrupt_);
    const std::string first = "1\tsame key\n";
    std::string more;
    while (more.size() < kBlockBytes) more += "5\t" + std::string(1000, 'x') + "\n";
    const auto many = block_of(more);
    std::size_t sent = 0;
    CopyWriter writer(target, "write", "copy public.b from stdin");
    const auto error = error_of([&] {
        writer.write(block_of(first));
        for (; sent < 256 * kMegabyte; sent += many.bytes.size()) writer.write(many);
    });
    EXPECT_EQ(error.sqlstate(), "23505") << error.report();
    EXPECT_EQ(error.statement(), "write");
    EXPECT_LT(sent, 64 * kMegabyte);
    EXPECT_FALSE(target.poisoned());
    EXPECT_EQ(target.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyWriterTest, TellsAnErrorAtTheEnd) {
    psql(database_, "create table b(id int check (id > 0))");
    auto target = connect(database_, interrupt_);
    CopyWriter writer(target, "write", "copy public.b from stdin");
    writer.write(block_of("0\n"));
    const auto error = error_of([&] { writer.finish(); });
    EXPECT_EQ(error.sqlstate(), "23514");
    EXPECT_NE(error.detail().find("line 1"), std::string::npos) << error.report();
    EXPECT_EQ(target.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyWriterTest, KeepsNothingWithoutFinish) {
    psql(database_, "create table b(id int)");
    {
        auto target = connect(database_, interrupt_);
        CopyWriter writer(target, "write", "copy public.b from stdin");
        writer.write(block_of("1\n"));
    }
    EXPECT_TRUE(test::eventually([&] {
        return psql(database_,
                    "select count(*) from pg_stat_activity "
                    "where application_name = 'pghaul/test/test' "
                    "and datname = current_database()") == "0";
    }));
    EXPECT_EQ(psql(database_, "select count(*) from b"), "0");
}

TEST_F(CopyWriterTest, RunsTheStatementsBeforeTheCopy) {
    psql(database_, "create table b(id int); insert into b values (7)");
    auto target = connect(database_, interrupt_);
    Transaction transaction(target);
    CopyWriter writer(target, "write", "truncate public.b; copy public.b from stdin with (freeze)");
    writer.write(block_of("1\n2\n"));
    EXPECT_EQ(writer.finish(), 2);
    transaction.commit();
    EXPECT_EQ(psql(database_, "select sum(id) from b"), "3");
}

TEST_F(CopyWriterTest, WritesSeveralOfOneMessageOneAfterTheOther) {
    psql(database_, "create table b(id int); create table c(id int); insert into c values (7)");
    auto target = connect(database_, interrupt_);
    Transaction transaction(target);
    CopyTarget rows(target);
    const std::vector<std::string> copies = {"copy public.b from stdin",
                                             "truncate public.c; copy public.c from stdin (freeze)",
                                             "copy public.b from stdin"};
    rows.expect(copies);
    std::vector<std::int64_t> counted;
    for (const auto* text : {"1\n2\n", "", "3\n"}) {
        auto& writer = rows.copy_in("write", copies[counted.size()]);
        if (*text != '\0') writer.write(block_of(text));
        counted.push_back(writer.finish());
    }
    EXPECT_EQ(counted, (std::vector<std::int64_t>{2, 0, 1}));
    // What was not announced is a message of its own.
    auto& more = rows.copy_in("write", "copy public.c from stdin");
    more.write(block_of("4\n"));
    EXPECT_EQ(more.finish(), 1);
    transaction.commit();
    EXPECT_EQ(psql(database_, "select (select sum(id) from b), (select sum(id) from c)"), "6|4");
}

TEST_F(CopyWriterTest, TellsWhichOfSeveralFailed) {
    psql(database_, "create table b(id int check (id > 0)); create table c(id int)");
    auto target = connect(database_, interrupt_);
    {
        CopyWriter writer(target, "write",
                          "copy public.c from stdin; copy public.b from stdin; "
                          "copy public.c from stdin");
        EXPECT_EQ(writer.finish(), 0);
        ASSERT_TRUE(writer.next_copy());
        writer.write(block_of("0\n"));
        EXPECT_EQ(error_of([&] { writer.finish(); }).sqlstate(), "23514");
        EXPECT_FALSE(writer.next_copy());
    }
    // One that can't be started is not the fault of the one before.
    CopyWriter writer(target, "write", "copy public.c from stdin; copy public.d from stdin");
    EXPECT_EQ(writer.finish(), 0);
    EXPECT_EQ(error_of([&] { writer.next_copy(); }).sqlstate(), "42P01");
    EXPECT_EQ(target.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyWriterTest, IsPoisonedWhenTheBackendIsTerminated) {
    psql(database_, "create table b(t text)");
    auto target = connect(database_, interrupt_);
    CopyWriter writer(target, "write", "copy public.b from stdin");
    psql(database_, "select pg_terminate_backend(" + std::to_string(target.backend_pid()) + ")");
    const auto block = block_of(std::string(kBlockBytes, 'x') + "\n");
    const auto error = error_of([&] {
        for (std::size_t sent = 0; sent < 64 * kMegabyte; sent += kBlockBytes) writer.write(block);
    });
    EXPECT_TRUE(error.retryable()) << error.report();
    EXPECT_TRUE(target.poisoned());
}

TEST_F(CopyWriterTest, IsInterruptedWhileTheServerWaitsForALock) {
    psql(database_, "create table b(t text)");
    auto blocker = connect(database_, interrupt_);
    const Transaction lock(blocker);
    blocker.execute({"lock", "lock table public.b in access exclusive mode"});
    auto target = connect(database_, interrupt_);
    std::jthread stopper([&] {
        test::eventually([&] {
            return psql(database_,
                        "select count(*) from pg_stat_activity "
                        "where wait_event_type = 'Lock'") != "0";
        });
        interrupt_.fire();
    });
    EXPECT_THROW(CopyWriter(target, "write", "copy public.b from stdin"), Interrupted);
}

}  // namespace
}  // namespace pghaul::io
