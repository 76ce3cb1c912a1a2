#include "io/sql.hpp"

#include <gtest/gtest.h>

#include <random>

#include "io/error.hpp"
#include "tests/support/shared_servers.hpp"

namespace pghaul::io {
namespace {

std::string random_text(std::mt19937& random, std::size_t max_length) {
    constexpr std::string_view kLetters = "ab \"'\\{},;$\n\tNULL%_";
    std::string text;
    for (auto length = random() % (max_length + 1); length > 0; --length) {
        text += kLetters[random() % kLetters.size()];
    }
    return text;
}

TEST(Quoting, DoublesQuotesInNames) {
    EXPECT_EQ(quote_ident("a"), "\"a\"");
    EXPECT_EQ(quote_ident("a\"b"), "\"a\"\"b\"");
    EXPECT_EQ(quote_qualified("S", "t.x"), "\"S\".\"t.x\"");
    EXPECT_EQ(quote_ident_list({"a", "B"}), "\"a\", \"B\"");
    EXPECT_EQ(quote_ident_list({}), "");
}

TEST(Quoting, EscapesBackslashesInLiteralsWhateverTheServerIsSetTo) {
    EXPECT_EQ(quote_literal("it's"), "'it''s'");
    EXPECT_EQ(quote_literal("a\\b"), "E'a\\\\b'");
    EXPECT_EQ(quote_literal(""), "''");
}

TEST(Arrays, RoundTrip) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (int round = 0; round < 500; ++round) {
        std::vector<std::string> values;
        for (auto count = random() % 5; count > 0; --count)
            values.push_back(random_text(random, 6));
        EXPECT_EQ(parse_array(array_literal(values)), values);
    }
}

TEST(Arrays, ReadTheServersShortForm) {
    EXPECT_EQ(parse_array("{}"), std::vector<std::string>{});
    EXPECT_EQ(parse_array("{1,22,\"x y\"}"), (std::vector<std::string>{"1", "22", "x y"}));
    EXPECT_EQ(parse_array("{\"NULL\"}"), std::vector<std::string>{"NULL"});
}

TEST(Arrays, RefuseNullsAndOtherForms) {
    for (const auto* text : {"", "x", "{", "{NULL}", "{a,NULL}", "{\"a\"b}"}) {
        EXPECT_THROW(parse_array(text), Error) << text;
    }
}

using QuotingOnAServer = test::ServerTest;

TEST_F(QuotingOnAServer, GivesBackTheSameText) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    auto connection = test::connect(test::shared_cluster().conninfo("postgres"), interrupt_);
    for (const auto* conforming : {"on", "off"}) {
        connection.query({"set", std::string("set standard_conforming_strings = ") + conforming});
        for (int round = 0; round < 100; ++round) {
            const auto text = random_text(random, 12);
            EXPECT_EQ(connection.query_value({"literal", "select " + quote_literal(text)}), text);
            if (text.empty()) continue;
            const auto row = connection.query(
                {"name", "select n from (select 'x'::pg_catalog.text as " + quote_ident(text) +
                             ") as t, pg_catalog.jsonb_object_keys(pg_catalog.to_jsonb(t)) as n"});
            EXPECT_EQ(row.string(0, 0), text);
        }
    }
}

TEST_F(QuotingOnAServer, PassesArraysAsParametersAndBack) {
    auto connection = test::connect(test::shared_cluster().conninfo("postgres"), interrupt_);
    const std::vector<std::string> values = {"", "NULL", "a,b", "\"", "\\", "{x}", " ä "};
    const auto text =
        connection.query_value({"array", "select $1::pg_catalog.text[]"}, {array_literal(values)});
    EXPECT_EQ(parse_array(text), values);
}

}  // namespace
}  // namespace pghaul::io
