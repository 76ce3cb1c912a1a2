#include "io/error.hpp"

#include <gtest/gtest.h>

namespace pghaul::io {
namespace {

TEST(Error, ReportsContextWhatStateStatementDetailAndHint) {
    Error error("disk full");
    error.sqlstate("53100").statement("copy_chunk").detail("while extending").hint("free space");
    error.context("chunk 3").context("table a.b");
    EXPECT_EQ(error.report(),
              "table a.b: chunk 3: disk full (sqlstate 53100, statement copy_chunk)\n"
              "DETAIL: while extending\n"
              "HINT: free space");
}

TEST(Error, ReportsOnlyWhatThereIs) {
    EXPECT_EQ(Error("plain").report(), "plain");
    EXPECT_EQ(Error("plain").statement("s").report(), "plain (statement s)");
    EXPECT_EQ(Error("plain").sqlstate("42601").report(), "plain (sqlstate 42601)");
}

TEST(Error, IsPermanentAndHarmlessUnlessSaid) {
    const Error error("x");
    EXPECT_FALSE(error.retryable());
    EXPECT_FALSE(error.poisons_connection());
    EXPECT_EQ(error.exit_code(), ExitCode::failed);
}

TEST(Error, OfInterruptionAsksToRunAgain) {
    const Interrupted interrupted;
    EXPECT_EQ(interrupted.exit_code(), ExitCode::stopped);
    EXPECT_TRUE(interrupted.poisons_connection());
    EXPECT_FALSE(interrupted.retryable());
}

TEST(Error, IsRetryableForWhatPassesByItself) {
    for (const auto* state :
         {"08006", "08001", "40001", "40P01", "55P03", "57P01", "57P02", "57P03"}) {
        EXPECT_TRUE(is_retryable_sqlstate(state)) << state;
    }
    for (const auto* state : {"", "23505", "22021", "42P01", "53100", "XX001", "25006"}) {
        EXPECT_FALSE(is_retryable_sqlstate(state)) << state;
    }
}

TEST(Error, HasAHintForAFullDiskAndNoneForTheUnknown) {
    EXPECT_NE(general_hint("53100").find("disk space"), std::string_view::npos);
    EXPECT_EQ(general_hint("XX000"), "");
}

TEST(ExitCode, IsTheCommandLineContract) {
    EXPECT_EQ(static_cast<int>(ExitCode::done), 0);
    EXPECT_EQ(static_cast<int>(ExitCode::failed), 1);
    EXPECT_EQ(static_cast<int>(ExitCode::usage), 2);
    EXPECT_EQ(static_cast<int>(ExitCode::no_go), 3);
    EXPECT_EQ(static_cast<int>(ExitCode::differences), 4);
    EXPECT_EQ(static_cast<int>(ExitCode::stopped), 75);
}

}  // namespace
}  // namespace pghaul::io
