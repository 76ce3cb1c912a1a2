// How the source reads one chunk: by an index or by its pages, never all of the table for it, and
// never in parallel. The statement and the settings are those of a stream.
#include "loader/copy_chunk.hpp"
#include "snapshot/cut.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::snapshot {
namespace {

using test::table_named;

class ChunkScan : public test::SourceTest {
  protected:
    /// The plans of all chunks of table t.
    std::vector<std::string> plans(Method method, int chunks) {
        TablePlan table;
        table.info = table_named(source(), "t");
        table.method = method;
        const auto bounds = method == Method::key_ranges ? cut_by_key(source(), table.info, chunks)
                                                         : cut_by_page(table.info, chunks);
        auto stream =
            io::Connection::open(io::ConnInfo::parse(database_),
                                 {"test",
                                  "read 1",
                                  "UTF8",
                                  std::chrono::milliseconds(0),
                                  {{"max_parallel_workers_per_gather", "0"}, {"jit", "off"}}},
                                 interrupt_);
        std::vector<std::string> texts;
        for (const auto& range : tile(bounds)) {
            const auto copy =
                loader::copy_out_sql(table, {static_cast<int>(texts.size()), range, 0});
            const auto begin = copy.find('(') + 1;
            const auto select = copy.substr(begin, copy.rfind(") to stdout") - begin);
            const auto rows = stream.query({"explain", "explain (costs off) " + select});
            std::string text;
            for (int row = 0; row < rows.rows(); ++row) text += rows.string(row, 0) + "\n";
            texts.push_back(text);
        }
        return texts;
    }

    static void expect_each(const std::vector<std::string>& texts, const std::string& scan) {
        ASSERT_GT(texts.size(), 5U);
        for (const auto& text : texts) {
            EXPECT_NE(text.find(scan), std::string::npos) << text;
            EXPECT_EQ(text.find("Seq Scan"), std::string::npos) << text;
            EXPECT_EQ(text.find("Gather"), std::string::npos) << text;
        }
    }
};

TEST_F(ChunkScan, UsesTheIndexOfASimpleKey) {
    sql("create table t (id bigint primary key, pad text); "
        "insert into t select i, repeat('x', 100) from generate_series(1, 100000) i; analyze t");
    expect_each(plans(Method::key_ranges, 8), "Index Cond");
}

TEST_F(ChunkScan, UsesTheIndexOfACompositeKey) {
    sql("create table t (a int, b text, pad text, primary key (a, b)); "
        "insert into t select i / 10000, lpad(i::text, 9, '0'), repeat('x', 100) "
        "from generate_series(1, 100000) i; analyze t");
    expect_each(plans(Method::key_ranges, 8), "Index Cond");
}

TEST_F(ChunkScan, UsesTheIndexUnderACollationOtherThanTheDefault) {
    sql("create collation icu (provider = icu, locale = 'de'); "
        "create table t (id text collate icu primary key, pad text); "
        "insert into t select lpad(i::text, 9, '0'), repeat('x', 100) "
        "from generate_series(1, 100000) i; analyze t");
    expect_each(plans(Method::key_ranges, 8), "Index Cond");
}

TEST_F(ChunkScan, UsesTheIndexOnAHeapInRandomOrder) {
    sql("create table t (id uuid primary key, pad text); "
        "insert into t select md5(i::text)::uuid, repeat('x', 100) "
        "from generate_series(1, 100000) i; analyze t");
    expect_each(plans(Method::key_ranges, 20), "Index Cond");
}

TEST_F(ChunkScan, UsesTheIndexOnATableThatWasNeverAnalyzed) {
    sql("create table t (id bigint primary key, pad text) with (autovacuum_enabled = off); "
        "insert into t select i, repeat('x', 100) from generate_series(1, 100000) i");
    expect_each(plans(Method::key_ranges, 8), "Index Cond");
}

TEST_F(ChunkScan, ReadsOnlyItsPagesWithoutAKey) {
    sql("create table t (id bigint, pad text); "
        "insert into t select i, repeat('x', 100) from generate_series(1, 100000) i; analyze t");
    expect_each(plans(Method::ctid_ranges, 8), "Tid Range Scan");
}

}  // namespace
}  // namespace pghaul::snapshot
