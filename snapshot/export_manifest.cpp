#include "snapshot/export_manifest.hpp"

#include <nlohmann/json.hpp>

#include "io/durable_file.hpp"
#include "io/error.hpp"

namespace pghaul::snapshot {
namespace {

using io::Error;
using nlohmann::json;

std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string signed_text(const json& content) {
    return dump({{"checksum", io::checksum_text(dump(content))}, {"content", content}}) + "\n";
}

json content_of(const std::string& text) {
    json both;
    try {
        both = json::parse(text);
    } catch (const json::exception&) {
        throw Error("it is damaged: no JSON");
    }
    if (!both.is_object() || !both.contains("checksum") || !both.contains("content")) {
        throw Error("it is damaged, or not of an export");
    }
    if (both.at("checksum") != io::checksum_text(dump(both.at("content")))) {
        throw Error("it is damaged: its checksum is wrong");
    }
    return both.at("content");
}

void check_format(const json& content) {
    const int format = content.at("format");
    if (format <= kExportFormat) return;
    throw Error("the export is of format " + std::to_string(format) + ", this pghaul reads up to " +
                std::to_string(kExportFormat))
        .exit_code(io::ExitCode::no_go)
        .hint("use the version of pghaul that wrote it, or a later one");
}

/// Whatever is missing or of another type is damage.
template <typename Read>
auto reading(Read read) {
    try {
        return read();
    } catch (const json::exception& error) {
        throw Error(std::string("it is damaged: ") + error.what());
    }
}

json to_value(const JobNote& note) {
    return {{"job", note.job},           {"export_id", note.export_id},
            {"source", note.source},     {"source_identity", note.source_identity},
            {"settings", note.settings}, {"capture", note.capture}};
}

JobNote note_from(const json& value) {
    return {value.at("job"),      value.at("export_id"),
            value.at("source"),   value.at("source_identity"),
            value.at("settings"), value.at("capture")};
}

json to_value(const SealedFile& file) {
    return {
        file.snapshot,         file.totals.rows,         file.totals.blocks,
        file.totals.raw_bytes, file.totals.packed_bytes, io::checksum_text(file.totals.checksum)};
}

SealedFile file_from(const json& value) {
    SealedFile file;
    file.snapshot = value.at(0);
    file.totals.rows = value.at(1);
    file.totals.blocks = value.at(2);
    file.totals.raw_bytes = value.at(3);
    file.totals.packed_bytes = value.at(4);
    file.totals.checksum = std::stoull(value.at(5).get<std::string>(), nullptr, 16);
    return file;
}

template <typename Part>
std::uint64_t sum_of(const Manifest& manifest, Part part) {
    std::uint64_t sum = 0;
    for (const auto& [chunk, file] : manifest.chunks) sum += part(file);
    for (const auto& [number, file] : manifest.large_objects) sum += part(file);
    return sum;
}

}  // namespace

std::uint64_t Manifest::rows() const {
    std::uint64_t rows = 0;
    for (const auto& [chunk, file] : chunks) rows += file.totals.rows;
    return rows;
}

std::uint64_t Manifest::raw_bytes() const {
    return sum_of(*this, [](const SealedFile& file) { return file.totals.raw_bytes; });
}

std::uint64_t Manifest::file_bytes() const {
    return sum_of(*this, [](const SealedFile& file) { return file.bytes(); });
}

std::string to_json(const JobNote& note) {
    auto content = to_value(note);
    content["format"] = kExportFormat;
    return signed_text(content);
}

JobNote job_note_from_json(const std::string& text) {
    const auto content = content_of(text);
    return reading([&] {
        check_format(content);
        return note_from(content);
    });
}

std::string to_json(const ExportPlan& plan) {
    json tables = json::array();
    for (const auto& table : plan.plan.tables) tables.push_back(json::parse(to_json(table)));
    json relations = json::array();
    for (const auto& relation : plan.needs.relations) {
        relations.push_back({relation.schema, relation.name});
    }
    return dump({{"note", to_value(plan.note)},
                 {"source_major", plan.source_major},
                 {"dump_major", plan.dump_major},
                 {"roles", plan.needs.roles},
                 {"owners", plan.needs.owners},
                 {"extensions", plan.needs.extensions},
                 {"tablespaces", plan.needs.tablespaces},
                 {"collation", plan.needs.collation},
                 {"relations", relations},
                 {"snapshots", plan.snapshots},
                 {"plan", json::parse(to_json_without_tables(plan.plan))},
                 {"tables", tables}}) +
           "\n";
}

ExportPlan export_plan_from_json(const std::string& text) {
    return reading([&] {
        const auto content = json::parse(text);
        ExportPlan plan;
        plan.note = note_from(content.at("note"));
        plan.source_major = content.at("source_major");
        plan.dump_major = content.at("dump_major");
        plan.needs.roles = content.at("roles").get<std::vector<std::string>>();
        plan.needs.owners = content.value("owners", plan.needs.owners);
        plan.needs.extensions = content.at("extensions").get<std::vector<std::string>>();
        plan.needs.tablespaces = content.at("tablespaces").get<std::vector<std::string>>();
        plan.needs.collation = content.at("collation");
        for (const auto& relation : content.at("relations")) {
            plan.needs.relations.push_back({relation.at(0), relation.at(1)});
        }
        plan.snapshots = content.at("snapshots").get<std::vector<std::string>>();
        plan.plan = plan_from_json_without_tables(dump(content.at("plan")));
        for (const auto& table : content.at("tables")) {
            plan.plan.tables.push_back(table_plan_from_json(dump(table)));
        }
        return plan;
    });
}

std::string to_json(const Manifest& manifest) {
    json sequences = json::array();
    for (const auto& value : manifest.sequences) {
        sequences.push_back(
            {value.sequence.schema, value.sequence.name, value.last_value, value.is_called});
    }
    json chunks = json::array();
    for (const auto& [chunk, file] : manifest.chunks) {
        chunks.push_back({chunk.first, chunk.second, to_value(file)});
    }
    json objects = json::array();
    for (const auto& [number, file] : manifest.large_objects) {
        objects.push_back({number, to_value(file)});
    }
    return signed_text({{"format", kExportFormat},
                        {"export_id", manifest.export_id},
                        {"plan_checksum", manifest.plan_checksum},
                        {"schema_checksum", manifest.schema_checksum},
                        {"one_moment", manifest.one_moment},
                        {"sequences", sequences},
                        {"chunks", chunks},
                        {"large_objects", objects}});
}

Manifest manifest_from_json(const std::string& text) {
    const auto content = content_of(text);
    return reading([&] {
        check_format(content);
        Manifest manifest;
        manifest.export_id = content.at("export_id");
        manifest.plan_checksum = content.at("plan_checksum");
        manifest.schema_checksum = content.at("schema_checksum");
        manifest.one_moment = content.at("one_moment");
        for (const auto& value : content.at("sequences")) {
            manifest.sequences.push_back({{value.at(0), value.at(1)}, value.at(2), value.at(3)});
        }
        for (const auto& chunk : content.at("chunks")) {
            manifest.chunks[{chunk.at(0), chunk.at(1)}] = file_from(chunk.at(2));
        }
        for (const auto& object : content.at("large_objects")) {
            manifest.large_objects[object.at(0)] = file_from(object.at(1));
        }
        return manifest;
    });
}

}  // namespace pghaul::snapshot
