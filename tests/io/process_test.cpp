#include "io/process.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "io/error.hpp"
#include "io/temp_dir.hpp"

namespace pghaul::io {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

ProcessOutput shell(const std::string& script, const Interrupt& interrupt,
                    const std::map<std::string, std::string>& env = {}) {
    return run_process({"/bin/sh", "-c", script}, env, interrupt);
}

TEST(Process, GivesExitCodeAndBothOutputs) {
    const Interrupt interrupt;
    const auto output = shell("echo to-out; echo to-err >&2; exit 7", interrupt);
    EXPECT_EQ(output.exit_code, 7);
    EXPECT_EQ(output.out, "to-out\n");
    EXPECT_EQ(output.err, "to-err\n");
}

TEST(Process, TakesLargeOutputsOfBothKindsAtOnce) {
    const Interrupt interrupt;
    const auto output =
        shell("head -c 3000000 /dev/zero >&2 & head -c 3000000 /dev/zero; wait", interrupt);
    EXPECT_EQ(output.out, std::string(3000000, '\0'));
    EXPECT_EQ(output.err.size(), 3000000U);
}

TEST(Process, AddsToTheEnvironmentAndReplacesInIt) {
    const Interrupt interrupt;
    ::setenv("PGHAUL_TEST_VARIABLE", "old", 1);
    const auto output =
        shell("echo \"$PGHAUL_TEST_VARIABLE,$PATH\"", interrupt, {{"PGHAUL_TEST_VARIABLE", "new"}});
    EXPECT_EQ(output.out, std::string("new,") + std::getenv("PATH") + "\n");
}

TEST(Process, HasNothingToReadSoThatItCannotAsk) {
    const Interrupt interrupt;
    EXPECT_EQ(shell("cat", interrupt).out, "");
}

TEST(Process, TellsWhichSignalEndedIt) {
    const Interrupt interrupt;
    EXPECT_EQ(shell("kill -KILL $$", interrupt).exit_code, 128 + SIGKILL);
}

TEST(Process, ThatDoesNotExistIsAnError) {
    const Interrupt interrupt;
    try {
        run_process({"/nowhere/pg_dump"}, {}, interrupt);
        FAIL();
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "cannot run /nowhere/pg_dump");
    }
}

TEST(Process, IsEndedWhenInterrupted) {
    Interrupt interrupt;
    const TempDir dir;
    const auto pid_file = dir.path("pid");
    std::jthread stopper([&] {
        while (!std::ifstream(pid_file + ".ready")) std::this_thread::sleep_for(milliseconds(5));
        interrupt.fire();
    });
    const auto start = Clock::now();
    EXPECT_THROW(
        shell("echo $$ > " + pid_file + "; : > " + pid_file + ".ready; exec sleep 60", interrupt),
        Interrupted);
    EXPECT_LT(Clock::now() - start, seconds(10));
    EXPECT_NE(::kill(std::stoi(read_file(pid_file)), 0), 0) << "the child is still there";
}

TEST(Process, IsEndedWhenItNeitherSpeaksNorWorks) {
    const Interrupt interrupt;
    const auto run = [&](const std::string& script) {
        return run_process({"/bin/sh", "-c", script}, {}, interrupt, milliseconds(1500));
    };
    EXPECT_EQ(run("for i in 1 2 3 4; do echo $i; sleep 0.5; done").exit_code, 0);
    EXPECT_EQ(run("end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done").exit_code,
              0);
    try {
        run("echo begun; exec sleep 60");
        FAIL();
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("/bin/sh has not moved"), std::string::npos);
        EXPECT_TRUE(error.retryable());
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST(Process, IsNotStartedAfterAnInterrupt) {
    Interrupt interrupt;
    interrupt.fire();
    const TempDir dir;
    EXPECT_THROW(shell(": > " + dir.path("ran"), interrupt), Interrupted);
    EXPECT_FALSE(std::filesystem::exists(dir.path("ran")));
}

}  // namespace
}  // namespace pghaul::io
