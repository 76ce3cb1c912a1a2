#include "io/copy_reader.hpp"

#include <gtest/gtest.h>

#include "io/direct_source.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::io {
namespace {

using test::connect;
using test::error_of;
using test::eventually;
using test::psql;
using test::shared_cluster;

class CopyReaderTest : public test::ServerTest {
  protected:
    static std::string admin() { return shared_cluster().conninfo("postgres"); }
    Connection connection_ = connect(admin(), interrupt_);
};

TEST_F(CopyReaderTest, GivesWholeRowsInBlocks) {
    CopyReader reader(connection_, "read",
                      "copy (select i, repeat('x', 1000) from pg_catalog.generate_series(1, 1000) "
                      "as i) to stdout");
    std::size_t blocks = 0;
    std::uint64_t messages = 0;
    for (Block block; reader.read(block); block = {}) {
        ++blocks;
        messages += block.messages;
        EXPECT_EQ(block.bytes.back(), '\n');
        EXPECT_LT(block.bytes.size(), kBlockBytes + 2000);
    }
    EXPECT_GT(blocks, 2U);
    EXPECT_EQ(messages, 1000U);
    EXPECT_EQ(reader.rows(), 1000);
    EXPECT_EQ(connection_.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyReaderTest, GivesFewRowsThatComeSlowlyAfterManyThatCameFast) {
    CopyReader reader(connection_, "read",
                      "copy (select repeat('x', 1000), case when i > 3000 then pg_sleep(0.1) end "
                      "from pg_catalog.generate_series(1, 3005) as i) to stdout");
    std::string_view message;
    int rows = 0;
    while (reader.read_message(message)) ++rows;
    EXPECT_EQ(rows, 3005);
    EXPECT_EQ(connection_.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyReaderTest, EndsAtOnceWhenThereAreNoRows) {
    CopyReader reader(connection_, "read", "copy (select 1 where false) to stdout");
    Block block;
    EXPECT_FALSE(reader.read(block));
    EXPECT_FALSE(reader.read(block));
    EXPECT_EQ(reader.rows(), 0);
}

TEST_F(CopyReaderTest, GivesOneRowAMessage) {
    CopyReader reader(
        connection_, "read",
        "copy (select i, repeat('x', i * 1000) from pg_catalog.generate_series(1, 300) "
        "as i) to stdout");
    std::string_view message;
    for (std::size_t i = 1; i <= 300; ++i) {
        ASSERT_TRUE(reader.read_message(message));
        EXPECT_EQ(message, std::to_string(i) + "\t" + std::string(i * 1000, 'x') + "\n");
    }
    EXPECT_FALSE(reader.read_message(message));
    EXPECT_FALSE(reader.read_message(message));
    EXPECT_EQ(reader.rows(), 300);
}

TEST_F(CopyReaderTest, ReadsSeveralCopiesOneAfterTheOther) {
    CopyReader reader(connection_, "read",
                      "copy (select i from pg_catalog.generate_series(1, 3) as i) to stdout; "
                      "copy (select 1 where false) to stdout; copy (values (7)) to stdout");
    std::string_view message;
    EXPECT_FALSE(reader.next_copy()) << "the first is not over";
    for (int i = 1; i <= 3; ++i) ASSERT_TRUE(reader.read_message(message));
    EXPECT_FALSE(reader.read_message(message));
    EXPECT_EQ(reader.rows(), 3);
    ASSERT_TRUE(reader.next_copy());
    EXPECT_FALSE(reader.read_message(message));
    EXPECT_EQ(reader.rows(), 0);
    ASSERT_TRUE(reader.next_copy());
    ASSERT_TRUE(reader.read_message(message));
    EXPECT_EQ(message, "7\n");
    EXPECT_FALSE(reader.read_message(message));
    EXPECT_FALSE(reader.next_copy());
    EXPECT_EQ(connection_.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyReaderTest, TellsThatALaterCopyFails) {
    CopyReader reader(connection_, "read", "copy (values (7)) to stdout; copy nowhere to stdout");
    std::string_view message;
    ASSERT_TRUE(reader.read_message(message));
    EXPECT_FALSE(reader.read_message(message)) << "this one is whole";
    EXPECT_EQ(reader.rows(), 1);
    const auto error = error_of([&] { reader.next_copy(); });
    EXPECT_EQ(error.sqlstate(), "42P01");
    EXPECT_EQ(connection_.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyReaderTest, ADirectSourceAsksForAnnouncedCopiesAtOnce) {
    DirectSource source(connection_);
    const std::string first =
        "copy (select i from pg_catalog.generate_series(1, 3) as i) to stdout";
    const std::string second = "copy (select pg_catalog.pg_backend_pid() > 0) to stdout";
    source.expect({first, second, "copy nowhere to stdout"});
    const auto rows_of = [](BlockReader& reader) {
        std::string rows;
        for (Block block; reader.read(block); block = {}) {
            rows.append(block.bytes.begin(), block.bytes.end());
        }
        return rows;
    };
    const auto one = source.copy_out("one", first, 2);
    EXPECT_EQ(rows_of(*one), "1\n2\n3\n");
    EXPECT_EQ(one->rows(), 3);
    const auto two = source.copy_out("two", second, 2);
    EXPECT_EQ(rows_of(*two), "t\n");
    EXPECT_EQ(two->rows(), 1);
    const auto error = error_of([&] { source.copy_out("three", "copy nowhere to stdout", 2); });
    EXPECT_EQ(error.sqlstate(), "42P01");
    source.expect({});
    EXPECT_EQ(rows_of(*source.copy_out("alone", second, 2)), "t\n");
}

TEST_F(CopyReaderTest, RefusesAStatementThatIsNoCopy) {
    EXPECT_THROW(CopyReader(connection_, "read", "select 1"), Error);
    EXPECT_THROW(CopyReader(connection_, "read", "copy nowhere to stdout"), Error);
    EXPECT_EQ(connection_.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyReaderTest, TellsAnErrorInTheMiddle) {
    CopyReader reader(connection_, "read",
                      "copy (select 1 / (500000 - i) from pg_catalog.generate_series(1, 600000) "
                      "as i) to stdout");
    const auto error = error_of([&] {
        for (Block block; reader.read(block); block = {}) {
        }
    });
    EXPECT_EQ(error.sqlstate(), "22012");
    EXPECT_EQ(error.statement(), "read");
    EXPECT_FALSE(connection_.poisoned());
    EXPECT_EQ(connection_.query_value({"q", "select 1"}), "1");
}

TEST_F(CopyReaderTest, LeftEarlyIsCancelledWithItsConnection) {
    std::optional<Connection> connection(connect(admin(), interrupt_));
    const auto pid = std::to_string(connection->backend_pid());
    {
        CopyReader reader(*connection, "read",
                          "copy (select pg_catalog.generate_series(1, 1000000000)) to stdout");
        Block block;
        EXPECT_TRUE(reader.read(block));
    }
    connection.reset();
    EXPECT_TRUE(eventually([&] {
        return psql(admin(), "select count(*) from pg_stat_activity where pid = " + pid) == "0";
    }));
}

TEST_F(CopyReaderTest, IsInterruptedWhileTheServerSendsNothing) {
    std::jthread stopper([&] {
        eventually([&] {
            return psql(admin(),
                        "select count(*) from pg_stat_activity "
                        "where wait_event = 'PgSleep'") == "1";
        });
        interrupt_.fire();
    });
    // The server keeps the answer to the COPY itself in its buffer until there is more to send.
    EXPECT_THROW(CopyReader(connection_, "read", "copy (select pg_catalog.pg_sleep(60)) to stdout"),
                 Interrupted);
}

}  // namespace
}  // namespace pghaul::io
