#include "io/row_sums.hpp"

#include <gtest/gtest.h>

#include "io/error.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::io {
namespace {

using test::connect;
using test::shared_cluster;

class RowSumsTest : public test::ServerTest {
  protected:
    RowSum sum(const std::string& select, RowForm form) {
        CopyReader reader(connection_, "read",
                          "copy (" + select + ") to stdout (format " +
                              (form == RowForm::binary ? "binary)" : "text)"));
        return sum_of_copy(reader, form, progress_, interrupt_);
    }

    Connection connection_ = connect(shared_cluster().conninfo("postgres"), interrupt_);
    StreamProgress progress_;
};

TEST_F(RowSumsTest, DependOnTheRowsAndNotOnTheirOrderOrBlocks) {
    // Rows that are more than a block, that hold line ends, backslashes and nulls.
    const std::string rows =
        "select i, repeat(E'a\\n\\\\\\t', i % 3000) as t, case when i % 2 = 0 then i end as n "
        "from pg_catalog.generate_series(1, 3000) as i";
    for (const auto form : {RowForm::binary, RowForm::text}) {
        const auto all = sum(rows, form);
        EXPECT_EQ(all.rows, 3000U);
        EXPECT_EQ(all, sum(rows + " order by pg_catalog.hashint4(i)", form));
        auto halves = sum(rows + " where i <= 1234", form);
        halves.add(sum(rows + " where i > 1234", form));
        EXPECT_EQ(all, halves);
        EXPECT_NE(all, sum(rows + " where i < 3000", form));
        EXPECT_NE(
            all.sum,
            sum("select i, t, case when i = 7 then 1 else n end from (" + rows + ") as r", form)
                .sum);
    }
}

TEST_F(RowSumsTest, CountRowsWithoutColumns) {
    for (const auto form : {RowForm::binary, RowForm::text}) {
        EXPECT_EQ(sum("select from pg_catalog.generate_series(1, 5)", form).rows, 5U);
        EXPECT_EQ(sum("select 1 where false", form), RowSum());
    }
}

// A block that was packed has lost its messages' ends: its rows are found by walking over their
// fields.
TEST_F(RowSumsTest, AreTheSameWhetherTheMessagesEndsAreKnownOrNot) {
    const std::string rows =
        "select i, repeat('x', i % 700) as t, null::pg_catalog.text as n from "
        "pg_catalog.generate_series(1, 3000) as i";
    for (const auto form : {RowForm::binary, RowForm::text}) {
        CopyReader reader(connection_, "read",
                          "copy (" + rows + ") to stdout (format " +
                              (form == RowForm::binary ? "binary)" : "text)"));
        RowSum known;
        RowSum walked;
        for (Block block; reader.read(block); block.clear()) {
            ASSERT_EQ(block.ends.size(), block.messages);
            known.add(sum_of_block(block, form));
            block.ends.clear();
            walked.add(sum_of_block(block, form));
        }
        EXPECT_EQ(known.rows, 3000U);
        EXPECT_EQ(known, walked);
        EXPECT_EQ(known, sum(rows, form));
    }
}

Block block_of(const std::string& bytes) {
    Block block;
    block.bytes.assign(bytes.begin(), bytes.end());
    return block;
}

TEST(RowSums, RefuseARowThatEndsEarly) {
    EXPECT_THROW(sum_of_block(block_of("a\tb"), RowForm::text), Error);
    const std::string row("\0\1\0\0\0\2ab", 8);
    EXPECT_EQ(sum_of_block(block_of(row + row), RowForm::binary).rows, 2U);
    for (std::size_t length = 1; length < row.size(); ++length) {
        EXPECT_THROW(sum_of_block(block_of(row + row.substr(0, length)), RowForm::binary), Error);
    }
    auto message = block_of("a\tb");
    message.ends = {3};
    EXPECT_THROW(sum_of_block(message, RowForm::text), Error);
    message.ends = {1, 3};
    EXPECT_THROW(sum_of_block(message, RowForm::binary), Error);
}

}  // namespace
}  // namespace pghaul::io
