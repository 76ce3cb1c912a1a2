#include "cmd/source_schema.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "io/temp_dir.hpp"
#include "tests/snapshot/source_tables.hpp"

namespace pghaul::cmd {
namespace {

using namespace std::chrono_literals;

/// With a pg_dump that never ends.
class SourceSchemaTest : public test::SourceTest {
  protected:
    SourceSchemaTest() {
        tools_.pg_dump =
            files_.write("pg_dump", "#!/bin/sh\necho >> \"$0.started\"\nexec sleep 1000\n");
        std::filesystem::permissions(tools_.pg_dump, std::filesystem::perms::owner_all);
    }
    void SetUp() override {
        SourceTest::SetUp();
        if (!IsSkipped()) server_.emplace(io::ConnInfo::parse(database_));
    }
    SourceSchema schema() { return {tools_, *server_, {}, interrupt_}; }
    void wait_until_it_runs() {
        while (!std::filesystem::exists(tools_.pg_dump + ".started"))
            std::this_thread::sleep_for(10ms);
    }

    io::TempDir files_;
    loader::DumpTools tools_;
    std::optional<io::ConnInfo> server_;
};

// Each would take 1000 s if it waited.

TEST_F(SourceSchemaTest, EndsADumpThatNobodyWantsAnyMore) {
    auto unwanted = schema();
    unwanted.begin({}, true);
    wait_until_it_runs();
}

TEST_F(SourceSchemaTest, EndsADumpBeforeTheNextBegins) {
    auto again = schema();
    for (int time = 0; time < 2; ++time) again.begin({}, true);
}

TEST_F(SourceSchemaTest, SaysThatItWasStoppedAndNotThatTheSnapshotIsLost) {
    snapshot::Keeper keeper(*server_, "test", {}, true, interrupt_);
    auto stopped = schema();
    stopped.begin(keeper.exported(), true);
    interrupt_.fire();
    EXPECT_THROW(stopped.archive(keeper), io::Interrupted);
}

}  // namespace
}  // namespace pghaul::cmd
