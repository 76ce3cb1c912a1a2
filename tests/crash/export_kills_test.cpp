// Exports and imports that are killed at each named place, and the reruns that must finish them.
#include <gtest/gtest.h>

#include "tests/cmd/export_steps.hpp"
#include "tests/crash/crash_steps.hpp"

namespace pghaul::test {
namespace {

std::string test_name(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    for (auto& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}

class ExportKilledAt : public HaulTest, public testing::WithParamInterface<std::string> {};

/// What stands of the files may be of another moment: only changes that are captured make it one.
void expect_captured_export_goes_on(const std::string& failpoint) {
    const auto pair = crash_pair();
    const ExportDir dir;
    const auto killed = export_to(dir, pair, {}, {{"PGHAUL_FAILPOINTS", failpoint}});
    ASSERT_EQ(killed.signal, SIGKILL) << "it did not pass there:\n" << killed.err;
    pair.source_sql(
        "update large set pad = 'changed' where id % 3 = 0; delete from small where "
        "id > 40; insert into parted values (777777, 'new');");
    ASSERT_TRUE(exited(export_to(dir, pair), 0));
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    ASSERT_TRUE(exited(run_live(pair), 0));
    EXPECT_TRUE(same_rows(pair));
}

TEST_P(ExportKilledAt, WithCaptureFinishesWithTheRerun) {
    expect_captured_export_goes_on(GetParam());
}

TEST_P(ExportKilledAt, WithoutCaptureFinishesWithTheRerun) {
    const auto pair = crash_pair();
    const ExportDir dir;
    const Arguments arguments = {"--no-capture"};
    const auto killed = export_to(dir, pair, arguments, {{"PGHAUL_FAILPOINTS", GetParam()}});
    ASSERT_EQ(killed.signal, SIGKILL) << "it did not pass there:\n" << killed.err;
    pair.source_sql("update large set pad = 'changed' where id % 3 = 0;");
    ASSERT_TRUE(exited(export_to(dir, pair, arguments), 0));
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    if (GetParam() == "export_before_manifest=kill") {
        EXPECT_EQ(pair.target_sql("select count(*) from large where pad = 'changed';"), "0")
            << "the files were complete";
    } else {
        EXPECT_TRUE(equal(pair, true));
    }
}

INSTANTIATE_TEST_SUITE_P(EveryFailpoint, ExportKilledAt,
                         testing::Values("export_begun=kill", "snapshot_exported=kill",
                                         "export_planned=kill", "export_before_seal=kill@4",
                                         "export_after_seal=kill", "export_after_seal=kill@5",
                                         "export_before_manifest=kill"),
                         test_name);

class ImportKilledAt : public HaulTest, public testing::WithParamInterface<std::string> {};

TEST_P(ImportKilledAt, FinishesWithTheRerun) {
    const auto pair = crash_pair();
    const ExportDir dir;
    ASSERT_TRUE(exited(export_to(dir, pair, {"--no-capture"}), 0));
    const auto killed = import_from(dir, pair, {}, {{"PGHAUL_FAILPOINTS", GetParam()}});
    ASSERT_EQ(killed.signal, SIGKILL) << "it did not pass there:\n" << killed.err;
    const auto before = loaded_chunks(pair);
    ASSERT_TRUE(exited(import_from(dir, pair), 0));
    EXPECT_EQ(phase(pair), "done");
    const auto after = loaded_chunks(pair);
    for (const auto& [chunk, when] : before) EXPECT_EQ(after.at(chunk), when) << "loaded again";
    EXPECT_TRUE(equal(pair, true));
}

INSTANTIATE_TEST_SUITE_P(EveryFailpoint, ImportKilledAt,
                         testing::Values("journal_created=kill", "import_planned=kill",
                                         "schema_before=kill", "schema_after=kill",
                                         "copy_after_read=kill@3", "copy_before_mark=kill@2",
                                         "copy_before_commit=kill@3", "copy_after_commit=kill@2",
                                         "large_objects_before_mark=kill", "sequences_before=kill",
                                         "read_back_before_mark=kill", "copied_before_phase=kill",
                                         "table_after_finish=kill", "rest_before=kill",
                                         "foreign_key_added=kill", "rest_after=kill",
                                         "done_before_phase=kill"),
                         test_name);

using FileFailpoints = HaulTest;

TEST_F(FileFailpoints, AnExportThatIsKilledWhileItInstallsCaptureGoesOn) {
    expect_captured_export_goes_on("capture_installed=kill@3");
}

TEST_F(FileFailpoints, ALostConnectionIsAnsweredByTheSameRun) {
    const auto pair = crash_pair();
    const ExportDir dir;
    const auto exported = export_to(dir, pair, {"--no-capture"},
                                    {{"PGHAUL_FAILPOINTS", "export_before_seal=error@3"}});
    ASSERT_TRUE(exited(exported, 0));
    EXPECT_TRUE(holds(exported.err, "trying again"));
    const auto imported =
        import_from(dir, pair, {}, {{"PGHAUL_FAILPOINTS", "copy_before_mark=error@3"}});
    ASSERT_TRUE(exited(imported, 0));
    EXPECT_TRUE(holds(imported.err, "trying again"));
    EXPECT_TRUE(equal(pair, true));
}

}  // namespace
}  // namespace pghaul::test
