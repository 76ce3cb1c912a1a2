// Prepared transactions that would hold up capture for ever are found before it is installed.
#include "delta/capture.hpp"
#include "tests/delta/delta_servers.hpp"

namespace pghaul::delta {
namespace {

class PreparedBlockersTest : public test::OnVersion {};

TEST_P(PreparedBlockersTest, AreFoundByTheLocksTheyHold) {
    sql("create table a (id int); create table b (id int)");
    auto source = owner();
    const auto tables = test::tables_of(source);
    ASSERT_EQ(tables.size(), 2U);
    EXPECT_EQ(prepared_blockers(source, tables), "");
    sql("begin; insert into a values (1); prepare transaction 'writes a'");
    sql("begin; select from b; prepare transaction 'reads b'");
    const auto found = prepared_blockers(source, tables);
    const auto elsewhere = prepared_blockers(source, {tables[1]});
    sql("rollback prepared 'writes a'");
    sql("rollback prepared 'reads b'");
    EXPECT_EQ(found, "writes a of app on public.a");
    EXPECT_EQ(elsewhere, "");
}

INSTANTIATE_TEST_SUITE_P(Version, PreparedBlockersTest, testing::Values(10, 13, 18),
                         test::version_name);

}  // namespace
}  // namespace pghaul::delta
