#include <gtest/gtest.h>

#include "snapshot/catalog.hpp"
#include "snapshot/catalog_sql.hpp"

namespace pghaul::snapshot {
namespace {

constexpr io::Query kMarked{"marked", "select 1\n , 2 -- since 11\n , 3 -- since 17\n from t\n"};

TEST(ForVersion, LeavesOutLinesThatNeedANewerServer) {
    EXPECT_EQ(for_version(kMarked, 10), "select 1\n from t\n");
    EXPECT_EQ(for_version(kMarked, 11), "select 1\n , 2 -- since 11\n from t\n");
    EXPECT_EQ(for_version(kMarked, 17), "select 1\n , 2 -- since 11\n , 3 -- since 17\n from t\n");
}

TEST(ForVersion, LeavesAloneWhatHasNoMarks) {
    for (const auto& query : kCatalogQueries) {
        if (query.text.find("-- since") != std::string_view::npos) continue;
        EXPECT_EQ(for_version(query, 10), std::string(query.text)) << query.name;
    }
}

TEST(OidArray, IsTheServersTextForm) {
    EXPECT_EQ(oid_array({}), "{}");
    EXPECT_EQ(oid_array({1, 4294967295U}), "{1,4294967295}");
}

TEST(DisplayName, QuotesOnlyWhatNeedsIt) {
    EXPECT_EQ(display_name("public", "orders_2"), "public.orders_2");
    EXPECT_EQ(display_name("Shop", "a b"), "\"Shop\".\"a b\"");
    EXPECT_EQ(display_name("s", "a.b"), "s.\"a.b\"");
    EXPECT_EQ(display_name("s", "say \"hi\""), "s.\"say \"\"hi\"\"\"");
    EXPECT_EQ(display_name("s", "1st"), "s.\"1st\"");
    EXPECT_EQ(display_name("s", "\xC3\xA4"), "s.\"\xC3\xA4\"");
    EXPECT_EQ(display_name("s", ""), "s.\"\"");
}

TEST(QualifiedName, IsQuotedAlways) {
    TableInfo table;
    table.schema = "my schema";
    table.name = "t\"x";
    EXPECT_EQ(table.qualified(), "\"my schema\".\"t\"\"x\"");
    EXPECT_EQ(table.display(), "\"my schema\".\"t\"\"x\"");
}

}  // namespace
}  // namespace pghaul::snapshot
