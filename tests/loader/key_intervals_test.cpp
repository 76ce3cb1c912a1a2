#include "loader/verify/key_intervals.hpp"

#include <gtest/gtest.h>

#include "io/copy_reader.hpp"
#include "io/row_reader.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::loader {
namespace {

class KeyIntervalsTest : public test::ServerTest {
  protected:
    /// How many of these values fall into another interval than the server would put them.
    int misplaced(const std::string& type, const std::vector<snapshot::Key>& bounds,
                  const std::string& values) {
        auto server = test::connect(test::shared_cluster().conninfo("postgres"), interrupt_);
        const snapshot::KeyColumn key{"k", "pg_catalog." + type, "pg_catalog"};
        const KeyIntervals intervals(server, key, bounds);
        EXPECT_EQ(intervals.count(), bounds.size() + 1);
        int wrong = 0;
        int rows = 0;
        for (std::size_t i = 0; i < intervals.count(); ++i) {
            const auto sql = "copy (select k from (" + values + ") as v(k) where " +
                             snapshot::predicate({key}, intervals.ranges()[i]) +
                             ") to stdout (format binary)";
            io::RowReader reader(server, sql, "UTF8", progress_);
            for (std::string_view fields; reader.next(fields); ++rows) {
                if (intervals.of(fields) != i) ++wrong;
            }
        }
        EXPECT_GT(rows, 100);
        return wrong;
    }

    io::StreamProgress progress_;
};

TEST_F(KeyIntervalsTest, PlaceValuesAsTheServerDoes) {
    const std::string numbers = " from generate_series(-3000, 3000, 7) as i";
    const std::vector<snapshot::Key> bounds = {{"-1000"}, {"-1"}, {"0"}, {"2999"}};
    EXPECT_EQ(misplaced("int2", bounds, "select i::int2" + numbers), 0);
    EXPECT_EQ(misplaced("int4", bounds, "select i * 700000" + numbers), 0);
    EXPECT_EQ(misplaced("int8", bounds, "select i::int8 * 3000000000000000" + numbers), 0);
    EXPECT_EQ(misplaced("oid", {{"10"}, {"2147483647"}, {"2147483648"}},
                        "select ((i + 3000) * 715000::int8)::oid" + numbers),
              0);
    EXPECT_EQ(misplaced("uuid",
                        {{"00000000-0000-0000-0000-000000000001"},
                         {"7fffffff-ffff-ffff-ffff-ffffffffffff"},
                         {"80000000-0000-0000-0000-000000000000"},
                         {"80000000-0000-0000-ffff-000000000000"}},
                        "select md5(i::text)::uuid" + numbers +
                            " union all select '80000000-0000-0000-0000-000000000000'"),
              0);
    EXPECT_EQ(misplaced("date", {{"1999-12-31"}, {"2000-01-01"}, {"2008-01-01"}},
                        "select '2000-01-01'::date + i" + numbers +
                            " union all select 'infinity' union all select '-infinity'"),
              0);
    EXPECT_EQ(misplaced("timestamptz", {{"1999-12-31 23:59:59.999999+00"}, {"2000-01-01 00:00+00"}},
                        "select '2000-01-01Z'::timestamptz + i * interval '1.000001 s'" + numbers +
                            " union all select '-infinity'"),
              0);
    EXPECT_EQ(misplaced("time", {{"00:30:00"}, {"12:00:00.000001"}},
                        "select '12:00'::time + i * interval '14 s'" + numbers),
              0);
}

TEST_F(KeyIntervalsTest, AreOneWithoutBounds) {
    const KeyIntervals one;
    EXPECT_EQ(one.count(), 1U);
    EXPECT_EQ(one.of("anything"), 0U);
    EXPECT_TRUE(KeyIntervals::can_tell({"k", "pg_catalog.int8", "pg_catalog"}));
    EXPECT_FALSE(KeyIntervals::can_tell({"k", "pg_catalog.text", "pg_catalog"}));
    EXPECT_FALSE(KeyIntervals::can_tell({"k", "public.int8", "public"}));
}

TEST_F(KeyIntervalsTest, RefuseBoundsThatAreOutOfOrder) {
    auto server = test::connect(test::shared_cluster().conninfo("postgres"), interrupt_);
    EXPECT_THROW(KeyIntervals(server, {"k", "pg_catalog.int4", "pg_catalog"}, {{"1"}, {"-1"}}),
                 io::Error);
}

}  // namespace
}  // namespace pghaul::loader
