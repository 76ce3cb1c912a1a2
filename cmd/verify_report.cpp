#include "cmd/verify_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cmd/format.hpp"
#include "cmd/utf8.hpp"

namespace pghaul::cmd {
namespace {

using loader::RowDifference;
using loader::TableDifferences;
using loader::VerifyResult;
using nlohmann::json;
using Kind = RowDifference::Kind;

// Characters of a value on a line for people; JSON has all that was read.
constexpr std::size_t kShown = 200;

std::string shown(const std::string& value) {
    auto text = printable(as_utf8(value));
    if (text.size() <= kShown) return text;
    std::size_t end = kShown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end) + "...";
}

std::string key_text(const RowDifference& row) {
    std::string text;
    for (const auto& [column, value] : row.key) {
        text += fmt::format("{}{}{}{}", text.empty() ? "" : ", ", printable(column),
                            column.empty() ? "" : "=", shown(value));
    }
    return text;
}

std::string times(std::int64_t count) {
    return count == 1 ? "once" : human_count(count) + " times";
}

std::string counts_text(const RowDifference& row) {
    return fmt::format("{} on the source, {} on the target", times(row.source_count),
                       times(row.target_count));
}

std::string row_text(const RowDifference& row) {
    const auto key = key_text(row);
    switch (row.kind) {
        case Kind::missing:
            if (row.source_count > 1) return key + " is there " + counts_text(row);
            return key + " is missing on the target";
        case Kind::extra:
            if (row.target_count > 1) return key + " is there " + counts_text(row);
            return key + " is on the target only";
        case Kind::different: {
            std::string columns;
            for (const auto& column : row.columns) {
                columns += (columns.empty() ? "" : ", ") + printable(column);
            }
            return key + " differs in " + columns;
        }
        case Kind::count:
            return counts_text(row) + ": " + key;
    }
    return {};
}

std::string table_text(const TableDifferences& differences) {
    const auto name = printable(differences.table->info.display());
    std::string text;
    for (const auto& problem : differences.problems) {
        text += fmt::format("{}: {}\n", name, printable(problem));
    }
    for (const auto& row : differences.named) text += fmt::format("{}: {}\n", name, row_text(row));
    if (static_cast<std::int64_t>(differences.named.size()) < differences.total) {
        text += fmt::format(
            "{}: {}{} rows differ, of which {} are named; {} rows on the source, "
            "{} on the target\n",
            name, differences.total_is_exact ? "" : "at least ", human_count(differences.total),
            differences.named.size(), human_count(differences.source_rows),
            human_count(differences.target_rows));
    }
    return text;
}

const char* name_of(Kind kind) {
    switch (kind) {
        case Kind::missing:
            return "missing";
        case Kind::extra:
            return "extra";
        case Kind::different:
            return "different";
        case Kind::count:
            return "count";
    }
    return "";
}

json json_of_table(const TableDifferences& differences) {
    json rows = json::array();
    for (const auto& row : differences.named) {
        json one = {{"kind", name_of(row.kind)},
                    {"source_count", row.source_count},
                    {"target_count", row.target_count}};
        if (row.kind == Kind::count) {
            one["row"] = as_utf8(row.key.front().second);
        } else {
            for (const auto& [column, value] : row.key) one["key"][column] = as_utf8(value);
        }
        if (row.kind == Kind::different) one["columns"] = row.columns;
        rows.push_back(std::move(one));
    }
    return {{"schema", differences.table->info.schema}, {"table", differences.table->info.name},
            {"problems", differences.problems},         {"source_rows", differences.source_rows},
            {"target_rows", differences.target_rows},   {"rows_that_differ", differences.total},
            {"exact", differences.total_is_exact},      {"rows", rows}};
}

json value_or_null(const std::string& value) { return value.empty() ? json() : json(value); }

std::string bytes_of(std::int64_t bytes) { return human_count(bytes) + " bytes"; }

/// "1 row", "2 rows"
std::string things(std::int64_t count, const char* what) {
    return fmt::format("{} {}{}", human_count(count), what, count == 1 ? "" : "s");
}

}  // namespace

std::string differences_text(const VerifyResult& result) {
    std::string text;
    for (const auto& table : result.differing_tables) text += table_text(table);
    for (const auto& [sequence, source, target] : result.differing_sequences) {
        const auto name = printable(snapshot::display_name(sequence.schema, sequence.name));
        text +=
            fmt::format("sequence {}: {} on the source, {} on the target\n", name,
                        source.empty() ? "missing" : source, target.empty() ? "missing" : target);
    }
    for (const auto& object : result.differing_objects) {
        text += fmt::format("large object {}: ", object.oid);
        text += object.kind == Kind::missing ? "missing on the target"
                : object.kind == Kind::extra
                    ? "on the target only"
                    : fmt::format("contents differ; {} on the source, {} on the target",
                                  bytes_of(object.source_bytes), bytes_of(object.target_bytes));
        text += "\n";
    }
    return text;
}

std::string compared_text(const VerifyResult& result, const std::optional<VerifySample>& sample) {
    std::string text = "compared ";
    if (sample) {
        text += fmt::format("{} of {} (--sample {} --seed {}): ", human_count(result.ranges),
                            things(result.ranges_in_all, "range"), sample->percent, sample->seed);
    }
    text +=
        fmt::format("{}, {}, {}, {}, {} in {}: {}{}", things(result.tables, "table"),
                    things(result.rows, "row"), human_bytes(static_cast<double>(result.bytes)),
                    things(result.sequences, "sequence"),
                    things(result.large_objects, "large object"), human_seconds(result.seconds),
                    result.exact() ? "" : "at least ", things(result.differences(), "difference"));
    return text + "\n";
}

std::string repaired_text(const loader::RepairResult& repaired) {
    return fmt::format("mended {} ({} deleted, {} inserted), {}, {}\n",
                       things(repaired.tables, "table"), things(repaired.rows_deleted, "row"),
                       human_count(repaired.rows_inserted), things(repaired.sequences, "sequence"),
                       things(repaired.large_objects, "large object"));
}

json json_of(const loader::RepairResult& repaired) {
    return {{"tables", repaired.tables},
            {"rows_deleted", repaired.rows_deleted},
            {"rows_inserted", repaired.rows_inserted},
            {"sequences", repaired.sequences},
            {"large_objects", repaired.large_objects}};
}

json json_of(const VerifyResult& result, const std::optional<VerifySample>& sample) {
    json tables = json::array();
    for (const auto& table : result.differing_tables) tables.push_back(json_of_table(table));
    json sequences = json::array();
    for (const auto& [sequence, source, target] : result.differing_sequences) {
        sequences.push_back({{"schema", sequence.schema},
                             {"sequence", sequence.name},
                             {"source", value_or_null(source)},
                             {"target", value_or_null(target)}});
    }
    json objects = json::array();
    for (const auto& object : result.differing_objects) {
        objects.push_back({{"oid", object.oid},
                           {"kind", name_of(object.kind)},
                           {"source_bytes", object.source_bytes},
                           {"target_bytes", object.target_bytes}});
    }
    json all = {{"compared",
                 {{"tables", result.tables},
                  {"ranges", result.ranges},
                  {"ranges_in_all", result.ranges_in_all},
                  {"rows", result.rows},
                  {"bytes", result.bytes},
                  {"sequences", result.sequences},
                  {"large_objects", result.large_objects}}},
                {"seconds", result.seconds},
                {"differences", result.differences()},
                {"exact", result.exact()},
                {"tables", tables},
                {"sequences", sequences},
                {"large_objects", objects}};
    if (sample) all["sample"] = {{"percent", sample->percent}, {"seed", sample->seed}};
    return all;
}

}  // namespace pghaul::cmd
