#include "snapshot/export_manifest.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/durable_file.hpp"
#include "io/error.hpp"

namespace pghaul::snapshot {
namespace {

Manifest manifest() {
    Manifest one;
    one.export_id = "0123";
    one.plan_checksum = "00000000000000aa";
    one.schema_checksum = "00000000000000bb";
    one.one_moment = false;
    one.sequences = {{{"public", "s"}, 7, true}, {{"Odd \"one", "t"}, -3, false}};
    one.chunks[{0, 1}] = {2, {10, 1, 400, 90, 0xfedcba9876543210U}};
    one.chunks[{3, 0}] = {1, {}};
    one.large_objects[0] = {1, {5, 2, 50, 60, 1}};
    return one;
}

std::string refusal_of(const std::string& text) {
    try {
        manifest_from_json(text);
    } catch (const io::Error& error) {
        return error.what();
    }
    return "none";
}

TEST(ExportManifest, ReadsWhatItWrites) {
    const auto before = manifest();
    const auto after = manifest_from_json(to_json(before));
    EXPECT_EQ(to_json(after), to_json(before));
    EXPECT_EQ(after.chunks.at({0, 1}).totals, before.chunks.at({0, 1}).totals);
    EXPECT_EQ(after.chunks.at({0, 1}).snapshot, 2U);
    EXPECT_EQ(after.sequences.at(1).sequence.schema, "Odd \"one");
    EXPECT_EQ(after.sequences.at(1).last_value, -3);
    EXPECT_FALSE(after.one_moment);
    EXPECT_EQ(after.rows(), 10U) << "large objects are no rows";
    EXPECT_EQ(after.raw_bytes(), 450U);
    EXPECT_EQ(after.file_bytes(), 90U + 60U + 3 * (128 + 64));
}

TEST(ExportManifest, IsPinnedByItsText) {
    Manifest one;
    one.export_id = "0123";
    one.chunks[{0, 1}] = {2, {10, 1, 400, 90, 255}};
    const auto text = to_json(one);
    EXPECT_EQ(nlohmann::json::parse(text).at("content").dump(),
              R"({"chunks":[[0,1,[2,10,1,400,90,"00000000000000ff"]]],"export_id":"0123",)"
              R"("format":1,"large_objects":[],"one_moment":true,"plan_checksum":"",)"
              R"("schema_checksum":"","sequences":[]})");
}

TEST(ExportManifest, RefusesEveryChangedByte) {
    const auto text = to_json(manifest());
    for (std::size_t at = 0; at + 1 < text.size(); at += 3) {
        auto changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        EXPECT_NE(refusal_of(changed), "none") << at;
    }
    EXPECT_NE(refusal_of(""), "none");
    EXPECT_NE(refusal_of("[]"), "none");
    EXPECT_NE(refusal_of(text.substr(0, text.size() / 2)), "none");
}

TEST(ExportManifest, RefusesANewerFormatWithAHint) {
    auto both = nlohmann::json::parse(to_json(manifest()));
    both.at("content").at("format") = kExportFormat + 1;
    both.at("checksum") = io::checksum_text(both.at("content").dump());
    try {
        manifest_from_json(both.dump());
        FAIL() << "it was read";
    } catch (const io::Error& error) {
        EXPECT_EQ(error.exit_code(), io::ExitCode::no_go);
        EXPECT_FALSE(error.hint().empty());
    }
}

TEST(ExportJobNote, ReadsWhatItWrites) {
    const JobNote note{"job", "id", "host:1/db", "db/5/77", "-n {} -N {} -t {} -T {}", true};
    const auto after = job_note_from_json(to_json(note));
    EXPECT_EQ(to_json(after), to_json(note));
    EXPECT_TRUE(after.capture);
    EXPECT_EQ(after.source_identity, "db/5/77");
}

TEST(ExportPlan, ReadsWhatItWrites) {
    ExportPlan plan;
    plan.note = {"job", "id", "host:1/db", "db/5/77", "", true};
    plan.source_major = 10;
    plan.dump_major = 15;
    plan.needs = {{"owner", "reader"}, {"owner"}, {"hstore"}, {"fast"}, "C", {{"public", "t"}}};
    plan.snapshots = {"10:20:", "30:40:35"};
    plan.plan.encoding = "LATIN1";
    plan.plan.capture = true;
    TablePlan table;
    table.info.schema = "public";
    table.info.name = "t";
    table.chunks = {{0, {{}, Key{"5"}}, 100}, {1, {Key{"5"}, {}}, 100}};
    plan.plan.tables.push_back(table);
    const auto after = export_plan_from_json(to_json(plan));
    EXPECT_EQ(to_json(after), to_json(plan));
    EXPECT_EQ(after.plan.tables.at(0).chunks.size(), 2U);
    EXPECT_EQ(after.snapshots, plan.snapshots);
    EXPECT_EQ(after.needs.relations.at(0).name, "t");
    EXPECT_EQ(after.needs.owners, plan.needs.owners);
    EXPECT_EQ(after.plan.encoding, "LATIN1");
    EXPECT_THROW(export_plan_from_json("{}"), io::Error);
}

}  // namespace
}  // namespace pghaul::snapshot
