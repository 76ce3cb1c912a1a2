// Sizes, durations, moments, and what options say when they do not fit together.
#include <gtest/gtest.h>

#include <ctime>

#include "cmd/option_values.hpp"
#include "cmd/options.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::system_clock;

template <typename Parse>
void expect_usage_error(const std::string& text, Parse parse) {
    try {
        parse(text);
        ADD_FAILURE() << "'" << text << "' was taken";
    } catch (const io::Error& error) {
        EXPECT_EQ(error.exit_code(), io::ExitCode::usage) << text;
    }
}

TEST(Sizes, AreReadWithAndWithoutUnits) {
    EXPECT_EQ(parse_bytes("0"), 0);
    EXPECT_EQ(parse_bytes("1048576"), 1 << 20);
    EXPECT_EQ(parse_bytes("512b"), 512);
    EXPECT_EQ(parse_bytes("64kB"), 64 << 10);
    EXPECT_EQ(parse_bytes("64K"), 64 << 10);
    EXPECT_EQ(parse_bytes("256MB"), 256 << 20);
    EXPECT_EQ(parse_bytes("1.5g"), std::int64_t{3} << 29);
    EXPECT_EQ(parse_bytes("2TB"), std::int64_t{2} << 40);
}

TEST(Sizes, AreRefusedWhenTheyAreNone) {
    for (const auto* text : {"", "MB", "-1", "-1MB", "1 MB", "1PB", "1MBx", "nan", "inf", "ten",
                             "1e15TB", "9999999999GB"}) {
        expect_usage_error(text, parse_bytes);
    }
}

TEST(Durations, AreReadInParts) {
    EXPECT_EQ(parse_duration("90m"), minutes(90));
    EXPECT_EQ(parse_duration("1h30m"), minutes(90));
    EXPECT_EQ(parse_duration("1d"), hours(24));
    EXPECT_EQ(parse_duration("45s"), seconds(45));
    EXPECT_EQ(parse_duration("3600"), hours(1));
}

TEST(Durations, AreRefusedWhenTheyAreNone) {
    for (const auto* text : {"", "0", "0h", "h", "-5m", "1.5h", "5x", "5 m", "1h m",
                             "99999999999999999999", "9999999d"}) {
        expect_usage_error(text, parse_duration);
    }
}

system_clock::time_point local(int year, int month, int day, int hour, int minute, int second = 0) {
    std::tm when{};
    when.tm_year = year - 1900;
    when.tm_mon = month - 1;
    when.tm_mday = day;
    when.tm_hour = hour;
    when.tm_min = minute;
    when.tm_sec = second;
    when.tm_isdst = -1;
    return system_clock::from_time_t(std::mktime(&when));
}

TEST(Moments, AreTheNextTimeTheClockShowsThem) {
    const auto evening = local(2026, 11, 23, 22, 30, 5);
    EXPECT_EQ(parse_time("23:00", evening), local(2026, 11, 23, 23, 0));
    EXPECT_EQ(parse_time("06:00", evening), local(2026, 11, 24, 6, 0));
    EXPECT_EQ(parse_time("22:30", evening), local(2026, 11, 24, 22, 30)) << "five seconds too late";
    EXPECT_EQ(parse_time("00:00", local(2026, 12, 31, 23, 59)), local(2027, 1, 1, 0, 0));
}

TEST(Moments, MayNameTheirDay) {
    const auto now = local(2026, 11, 23, 22, 30);
    EXPECT_EQ(parse_time("2026-11-24 06:00", now), local(2026, 11, 24, 6, 0));
    EXPECT_EQ(parse_time("2026-11-24T06:00", now), local(2026, 11, 24, 6, 0));
    expect_usage_error("2026-11-23 22:30", [&](const auto& text) { parse_time(text, now); });
}

TEST(Moments, AreRefusedWhenTheyAreNone) {
    const auto now = local(2026, 11, 23, 22, 30);
    for (const auto* text : {"", "25:00", "06:61", "6", "06:00x", "06:00 ", "tomorrow",
                             "2026-13-01 06:00", "2027-02-30 06:00", "2026-11-24"}) {
        expect_usage_error(text, [&](const auto& value) { parse_time(value, now); });
    }
}

TEST(Deadline, IsTheEarlierOfTheTwo) {
    const auto start = local(2026, 11, 23, 22, 0);
    Options options;
    EXPECT_FALSE(options.deadline(start));
    options.max_runtime = hours(2);
    EXPECT_EQ(options.deadline(start), start + hours(2));
    options.stop_at = start + hours(1);
    EXPECT_EQ(options.deadline(start), start + hours(1));
    options.max_runtime = minutes(30);
    EXPECT_EQ(options.deadline(start), start + minutes(30));
    options.max_runtime.reset();
    EXPECT_EQ(options.deadline(start), start + hours(1));
}

Options good_run() {
    Options options;
    options.source = "old";
    options.target = "new";
    options.job = "j";
    options.no_capture = true;
    options.until = Until::indexed;
    return options;
}

TEST(Complaints, AreNoneForAGoodRun) { EXPECT_TRUE(good_run().complaints().empty()); }

TEST(Complaints, ComeAllAtOnce) {
    auto options = good_run();
    options.until = Until::current;
    options.max_runtime = hours(1);
    options.chunk_bytes = 1000;
    EXPECT_EQ(options.complaints().size(), 3U);
    options.source_is_quiet = true;
    options.restart_copy = true;
    EXPECT_EQ(options.complaints().size(), 3U) << "the window is fine now, the other two are not";
}

TEST(Complaints, KeepWhatBelongsToCaptureApartFromWhatDoesNot) {
    auto options = good_run();
    for (const auto until : {Until::captured, Until::current}) {
        options.until = until;
        ASSERT_EQ(options.complaints().size(), 1U);
        EXPECT_NE(options.complaints()[0].find("--no-capture"), std::string::npos);
    }
    options.no_capture = false;
    options.max_runtime = hours(1);
    EXPECT_TRUE(options.complaints().empty()) << "changes come along, so it may stop any time";
    options.source_is_quiet = true;
    ASSERT_EQ(options.complaints().size(), 1U);
    EXPECT_NE(options.complaints()[0].find("--source-is-quiet"), std::string::npos);
}

TEST(Complaints, AskDropForOneServerAtLeast) {
    Options options;
    options.command = Command::drop;
    ASSERT_EQ(options.complaints().size(), 1U);
    options.source = "old";
    EXPECT_TRUE(options.complaints().empty());
}

TEST(Complaints, NameTheOptionsThatExcludeEachOther) {
    auto options = good_run();
    options.source_is_quiet = true;
    options.restart_copy = true;
    ASSERT_EQ(options.complaints().size(), 1U);
    EXPECT_NE(options.complaints()[0].find("--restart-copy"), std::string::npos);
    EXPECT_NE(options.complaints()[0].find("--source-is-quiet"), std::string::npos);
}

TEST(Complaints, DoNotAskPlanForWhatOnlyARunNeeds) {
    auto options = good_run();
    options.command = Command::plan;
    options.no_capture = false;
    EXPECT_TRUE(options.complaints().empty());
}

TEST(EffectiveOptions, HoldNoPassword) {
    auto options = good_run();
    options.source = "postgresql://me:s3cret@db1:5433/shop?sslpassword=s3cret2";
    options.target = "host=db2 dbname=shop user=me password='s3cret x'";
    const auto text = options.effective();
    EXPECT_EQ(text.find("s3cret"), std::string::npos) << text;
    EXPECT_NE(text.find("db1:5433/shop as me"), std::string::npos) << text;
    EXPECT_NE(text.find("db2/shop as me"), std::string::npos) << text;
}

TEST(EffectiveOptions, TellTheChunkSizeOrThatItIsAutomatic) {
    auto options = good_run();
    EXPECT_NE(options.effective().find("chunk-size auto"), std::string::npos);
    options.chunk_bytes = 5 << 20;
    EXPECT_NE(options.effective().find("chunk-size 5242880"), std::string::npos);
}

}  // namespace
}  // namespace pghaul::cmd
