// The patterns of -n -N -t -T. What they mean: psql's manual, "Patterns".
#include <gtest/gtest.h>

#include "io/error.hpp"
#include "snapshot/selection.hpp"

namespace pghaul::snapshot {
namespace {

struct Case {
    const char* pattern;
    const char* schema;
    const char* name;
};

std::ostream& operator<<(std::ostream& stream, const Case& c) { return stream << c.pattern; }

class Pattern : public testing::TestWithParam<Case> {};

TEST_P(Pattern, BecomesTheRegexesThatPsqlMakesOfIt) {
    const auto regex = pattern_regex(GetParam().pattern);
    EXPECT_EQ(regex.schema, GetParam().schema);
    EXPECT_EQ(regex.name, GetParam().name);
}

INSTANTIATE_TEST_SUITE_P(
    All, Pattern,
    testing::Values(Case{"orders", "", "^(orders)$"},               //
                    Case{"Orders", "", "^(orders)$"},               // folded
                    Case{"\"Orders\"", "", "^(Orders)$"},           // kept
                    Case{"shop.orders", "^(shop)$", "^(orders)$"},  //
                    Case{"*.log_*", "^(.*)$", "^(log_.*)$"},        //
                    Case{"t?", "", "^(t.)$"},                       //
                    Case{"a|b", "", "^(a|b)$"},                     // one anchor for both
                    Case{"t[0-9]+", "", "^(t[0-9]+)$"},             //
                    Case{"t[]", "", "^(t\\[])$"},                   // no empty class
                    Case{"cost$", "", "^(cost\\$)$"},               //
                    Case{"\"cost$*?.(x)\"", "", "^(cost\\$\\*\\?\\.\\(x\\))$"},  // nothing special
                    Case{"\"a.b\".\"c.d\"", "^(a\\.b)$", "^(c\\.d)$"},           //
                    Case{"\"say \"\"hi\"\"\"", "", "^(say \"hi\")$"},            //
                    Case{"My\"Odd\"Name", "", "^(myOddname)$"},                  // quotes inside
                    Case{"\"back\\slash\"", "", "^(back\\\\slash)$"},            //
                    Case{"\xC3\x84", "", "^(\xC3\x84)$"},                        // bytes stay bytes
                    Case{"", "", "^()$"}));

TEST(PatternErrors, AreUsageErrorsThatNameThePattern) {
    for (const auto* pattern : {"a.b.c", "\"open", "a.\"open", "\"\"\""}) {
        try {
            pattern_regex(pattern);
            ADD_FAILURE() << pattern << " was taken";
        } catch (const io::Error& error) {
            EXPECT_EQ(error.exit_code(), io::ExitCode::usage);
            EXPECT_NE(error.report().find(pattern), std::string::npos) << error.report();
            EXPECT_FALSE(error.hint().empty());
        }
    }
}

}  // namespace
}  // namespace pghaul::snapshot
