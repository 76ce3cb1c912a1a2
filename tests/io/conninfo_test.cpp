#include "io/conninfo.hpp"

#include <gtest/gtest.h>

#include <random>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

TEST(ConnInfo, ReadsUrisPairsAndBareNames) {
    const auto uri = ConnInfo::parse("postgresql://me:s3cret@db1:5433/shop?sslmode=require");
    EXPECT_EQ(uri.get("host"), "db1");
    EXPECT_EQ(uri.get("port"), "5433");
    EXPECT_EQ(uri.get("user"), "me");
    EXPECT_EQ(uri.get("password"), "s3cret");
    EXPECT_EQ(uri.get("dbname"), "shop");
    EXPECT_EQ(uri.get("sslmode"), "require");
    EXPECT_EQ(ConnInfo::parse("host=db2 dbname=x").get("host"), "db2");
    EXPECT_EQ(ConnInfo::parse("shop").get("dbname"), "shop");
    EXPECT_TRUE(ConnInfo::parse("").values().empty());
}

TEST(ConnInfo, NeverShowsAPassword) {
    for (const auto* text : {"postgresql://me:s3cret@db1:5433/shop?sslpassword=s3cret2",
                             "host=db1 password=s3cret user=me sslpassword='s3cret2'"}) {
        const auto info = ConnInfo::parse(text);
        EXPECT_EQ(info.display().find("s3cret"), std::string::npos) << text;
        EXPECT_EQ(info.text_without_password().find("s3cret"), std::string::npos) << text;
        EXPECT_EQ(info.text_without_password().find("password"), std::string::npos) << text;
    }
}

TEST(ConnInfo, NeverShowsAPasswordWhenItCannotBeParsed) {
    for (const auto* text : {"postgresql://me:s3cret@[db1/shop", "host=db1 password='s3cret",
                             "password=s3cret s3cret"}) {
        try {
            ConnInfo::parse(text);
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.exit_code(), ExitCode::usage);
            EXPECT_EQ(error.report().find("s3cret"), std::string::npos) << error.report();
        }
    }
}

TEST(ConnInfo, SaysTheSameAgainWhenItsTextIsParsed) {
    const auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    constexpr std::string_view kLetters = " '\\=\"%@:/ab\tä";
    for (int round = 0; round < 200; ++round) {
        ConnInfo info;
        for (const auto* keyword : {"dbname", "user", "application_name", "options"}) {
            std::string value;
            for (auto length = random() % 8; length > 0; --length) {
                value += kLetters[random() % kLetters.size()];
            }
            info.set(keyword, value);
        }
        // An empty text would not say that there are four empty values.
        EXPECT_EQ(ConnInfo::parse(info.text_without_password()).values(), info.values())
            << info.text_without_password();
    }
}

TEST(ConnInfo, KeepsWhatTheUserSetOverADefault) {
    auto info = ConnInfo::parse("connect_timeout=3");
    info.set_default("connect_timeout", "10");
    info.set_default("keepalives", "1");
    EXPECT_EQ(info.get("connect_timeout"), "3");
    EXPECT_EQ(info.get("keepalives"), "1");
}

TEST(ConnInfo, DisplaysWhereItLeads) {
    EXPECT_EQ(ConnInfo::parse("host=h port=1 dbname=d user=u").display(), "h:1/d as u");
    EXPECT_EQ(ConnInfo::parse("service=prod dbname=d").display(), "prod/d");
}

}  // namespace
}  // namespace pghaul::io
