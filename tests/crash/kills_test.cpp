// A copy that is killed at each named place, and the rerun that must finish the job. Places that
// only live changes pass: tests/crash/live_kills_test.cpp; those of files: spool_kills_test.cpp and
// export_kills_test.cpp.
#include <gtest/gtest.h>

#include <cctype>

#include "io/failpoint.hpp"
#include "tests/crash/crash_steps.hpp"

namespace pghaul::test {
namespace {

using io::Failpoint;

/// Passed only with live changes, or with files: live_kills_test.cpp, spool_kills_test.cpp.
bool elsewhere(const std::string& name) {
    return name.starts_with("capture") || name.starts_with("window_") ||
           name.starts_with("cutover_") || name.starts_with("spool_") ||
           name.starts_with("export_") || name.starts_with("import_");
}

/// Every failpoint with the passes at which it kills.
std::vector<std::string> kills() {
    std::vector<std::string> list;
    for (int i = 0; i < static_cast<int>(Failpoint::count_); ++i) {
        const std::string name(io::failpoint_name(static_cast<Failpoint>(i)));
        if (elsewhere(name)) continue;
        list.push_back(name + "=kill");
        if (!name.starts_with("copy_")) continue;
        list.push_back(name + "=kill@2");
        list.push_back(name + "=kill@3");
    }
    list.emplace_back("table_after_finish=kill@3");
    list.emplace_back("foreign_key_added=kill@2");
    return list;
}

class KilledAt : public HaulTest, public testing::WithParamInterface<std::string> {};

TEST_P(KilledAt, FinishesWithTheRerun) {
    const auto pair = crash_pair();
    const auto killed = run(pair, crash_arguments(), {{"PGHAUL_FAILPOINTS", GetParam()}});
    ASSERT_EQ(killed.signal, SIGKILL) << "the run did not pass there:\n" << killed.err;
    expect_rerun_finishes(pair);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    for (auto& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(EveryFailpoint, KilledAt, testing::ValuesIn(kills()), test_name);

}  // namespace
}  // namespace pghaul::test
