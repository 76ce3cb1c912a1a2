#include "snapshot/key_range.hpp"

#include <gtest/gtest.h>

namespace pghaul::snapshot {
namespace {

const std::vector<KeyColumn> kId = {{"id", "pg_catalog.int8", "\"pg_catalog\""}};
const std::vector<KeyColumn> kPair = {{"a", "pg_catalog.int4", "\"pg_catalog\""},
                                      {"b", "pg_catalog.text", "\"pg_catalog\""}};

TEST(KeyRange, TilesFromOpenEndToOpenEnd) {
    const auto ranges = tile({{"10"}, {"20"}, {"30"}});
    ASSERT_EQ(ranges.size(), 4U);
    EXPECT_FALSE(ranges.front().lo);
    EXPECT_FALSE(ranges.back().hi);
    for (std::size_t i = 0; i + 1 < ranges.size(); ++i) {
        // Half-open: what ends a range begins the next, so no key falls between or into both.
        ASSERT_TRUE(ranges[i].hi);
        EXPECT_EQ(ranges[i].hi, ranges[i + 1].lo) << i;
    }
    EXPECT_EQ(ranges[1].lo, Key{"10"});
    EXPECT_EQ(ranges[1].hi, Key{"20"});
}

TEST(KeyRange, CoversEverythingWithOneOpenRangeWhenThereAreNoBounds) {
    const auto ranges = tile({});
    ASSERT_EQ(ranges.size(), 1U);
    EXPECT_FALSE(ranges[0].lo);
    EXPECT_FALSE(ranges[0].hi);
    EXPECT_EQ(predicate(kId, ranges[0]), "");
    EXPECT_EQ(predicate(kPair, ranges[0]), "");
}

TEST(KeyRange, IncludesItsLowerAndExcludesItsUpperEnd) {
    EXPECT_EQ(predicate(kId, {Key{"-5"}, Key{"7"}}),
              "\"id\" operator(\"pg_catalog\".>=) '-5'::pg_catalog.int8 and "
              "\"id\" operator(\"pg_catalog\".<) '7'::pg_catalog.int8");
}

TEST(KeyRange, LeavesOutTheConditionOfAnOpenEnd) {
    EXPECT_EQ(predicate(kId, {std::nullopt, Key{"7"}}),
              "\"id\" operator(\"pg_catalog\".<) '7'::pg_catalog.int8");
    EXPECT_EQ(predicate(kId, {Key{"7"}, std::nullopt}),
              "\"id\" operator(\"pg_catalog\".>=) '7'::pg_catalog.int8");
}

TEST(KeyRange, ComparesCompositeKeysAsRows) {
    EXPECT_EQ(predicate(kPair, {Key{"1", "x"}, std::nullopt}),
              "(\"a\", \"b\") operator(\"pg_catalog\".>=) "
              "('1'::pg_catalog.int4, 'x'::pg_catalog.text)");
}

TEST(KeyRange, QuotesNamesAndValuesThatTryToBreakOut) {
    const std::vector<KeyColumn> key = {{"a\"; drop", "\"My\".\"type\"", "\"op\"\"s\""}};
    EXPECT_EQ(predicate(key, {Key{"it's\\ '); drop"}, std::nullopt}),
              "\"a\"\"; drop\" operator(\"op\"\"s\".>=) E'it''s\\\\ ''); drop'::\"My\".\"type\"");
}

TEST(KeyRange, TellsAnEmptyTextFromAnOpenEnd) {
    const std::vector<KeyColumn> key = {{"t", "pg_catalog.text", "\"pg_catalog\""}};
    EXPECT_EQ(predicate(key, {Key{""}, std::nullopt}),
              "\"t\" operator(\"pg_catalog\".>=) ''::pg_catalog.text");
}

TEST(KeyRange, NamesTheRowAddressWithoutQuotes) {
    EXPECT_EQ(predicate(ctid_key(), {Key{"(5,0)"}, Key{"(9,0)"}}),
              "ctid operator(pg_catalog.>=) '(5,0)'::pg_catalog.tid and "
              "ctid operator(pg_catalog.<) '(9,0)'::pg_catalog.tid");
}

TEST(KeyRange, ShowsItsEndsToPeopleAndCutsLongOnes) {
    EXPECT_EQ(display(KeyRange{}), "[-inf, +inf)");
    EXPECT_EQ(display(KeyRange{Key{"1", "x"}, Key{"9"}}), "[(1, x), 9)");
    const auto text = display(KeyRange{Key{std::string(500, 'y')}, std::nullopt});
    EXPECT_EQ(text, "[" + std::string(37, 'y') + "..., +inf)");
}

}  // namespace
}  // namespace pghaul::snapshot
