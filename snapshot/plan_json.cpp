// The plan as JSON, as it stands in the journal. Readers accept what this version writes; a field
// that is added later gets a default in value().
#include <nlohmann/json.hpp>
#include <utility>

#include "snapshot/plan.hpp"

namespace pghaul::snapshot {
namespace {

using nlohmann::json;

// A name that isn't valid UTF-8 (SQL_ASCII sources) must not end the run here.
std::string dump(const json& value) {
    return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_utf8(const std::string& text) {
    try {
        json(text).dump();
        return true;
    } catch (const json::type_error&) {
        return false;
    }
}

/// Keys of SQL_ASCII sources may be any bytes, and a changed bound would lose rows: such a key is
/// written as the list of its bytes.
json to_value(const std::optional<Key>& key) {
    if (!key) return nullptr;
    json values = json::array();
    for (const auto& value : *key) {
        if (is_utf8(value)) {
            values.push_back(value);
        } else {
            values.push_back(std::vector<unsigned char>(value.begin(), value.end()));
        }
    }
    return values;
}

std::optional<Key> key_from(const json& value) {
    if (value.is_null()) return std::nullopt;
    Key key;
    for (const auto& part : value) {
        if (part.is_string()) {
            key.push_back(part);
        } else {
            const auto bytes = part.get<std::vector<unsigned char>>();
            key.emplace_back(bytes.begin(), bytes.end());
        }
    }
    return key;
}

// Tables and indexes are filled in field by field: there may be thousands, and an initializer list
// takes twice as long.

json to_value(const IndexInfo& index) {
    json value;
    value["oid"] = index.oid;
    value["name"] = index.name;
    value["definition"] = index.definition;
    value["bytes"] = index.bytes;
    value["tablespace"] = index.tablespace;
    value["constraint_oid"] = index.constraint_oid;
    value["constraint_name"] = index.constraint_name;
    value["constraint_kind"] = index.constraint_kind;
    value["constraint_definition"] = index.constraint_definition;
    value["deferrable"] = index.deferrable;
    value["deferred"] = index.deferred;
    value["clustered"] = index.clustered;
    value["replica_identity"] = index.replica_identity;
    value["statistics"] = index.statistics;
    return value;
}

IndexInfo index_from(const json& value) {
    IndexInfo index;
    index.oid = value.at("oid");
    index.name = value.at("name");
    index.definition = value.at("definition");
    index.bytes = value.at("bytes");
    index.tablespace = value.at("tablespace");
    index.constraint_oid = value.at("constraint_oid");
    index.constraint_name = value.at("constraint_name");
    index.constraint_kind = value.at("constraint_kind");
    index.constraint_definition = value.at("constraint_definition");
    index.deferrable = value.at("deferrable");
    index.deferred = value.at("deferred");
    index.clustered = value.at("clustered");
    index.replica_identity = value.at("replica_identity");
    index.statistics = value.at("statistics").get<std::vector<std::pair<int, int>>>();
    return index;
}

json to_value(const TableInfo& info) {
    json columns = json::array();
    for (const auto& column : info.columns) {
        columns.push_back({column.name, column.binary_safe, column.variable_size});
    }
    json key = json::array();
    for (const auto& column : info.key) {
        key.push_back({column.name, column.type, column.operator_schema});
    }
    json apply_key = json::array();
    for (const auto& column : info.apply_key) {
        apply_key.push_back({column.name, column.equals, column.text_tells, column.built_in});
    }
    const auto& shape = info.shape;
    json indexes = json::array();
    for (const auto& index : info.indexes) indexes.push_back(to_value(index));
    json value;
    value["oid"] = info.oid;
    value["schema"] = info.schema;
    value["name"] = info.name;
    value["kind"] = static_cast<int>(info.kind);
    value["columns"] = std::move(columns);
    value["key"] = std::move(key);
    value["key_is_complete"] = info.key_is_complete;
    value["apply_key"] = std::move(apply_key);
    value["apply_index"] = info.apply_index;
    value["shape"] = {shape.place, shape.columns, shape.indexes, shape.constraints, shape.triggers};
    value["subscribed"] = info.subscribed;
    value["heap_bytes"] = info.heap_bytes;
    value["toast_bytes"] = info.toast_bytes;
    value["index_bytes"] = info.index_bytes;
    value["row_estimate"] = info.row_estimate;
    value["pages"] = info.pages;
    value["filenode"] = info.filenode;
    value["config_condition"] = info.config_condition;
    value["root_schema"] = info.root_schema;
    value["root_name"] = info.root_name;
    value["indexes"] = std::move(indexes);
    return value;
}

TableInfo info_from(const json& value) {
    TableInfo info;
    info.oid = value.at("oid");
    info.schema = value.at("schema");
    info.name = value.at("name");
    info.kind = static_cast<TableKind>(value.at("kind").get<int>());
    for (const auto& column : value.at("columns")) {
        info.columns.push_back({column.at(0), column.at(1), column.at(2)});
    }
    for (const auto& column : value.at("key")) {
        info.key.push_back({column.at(0), column.at(1), column.at(2)});
    }
    info.key_is_complete = value.at("key_is_complete");
    for (const auto& column : value.at("apply_key")) {
        info.apply_key.push_back({column.at(0), column.at(1), column.at(2), column.at(3)});
    }
    info.apply_index = value.at("apply_index");
    const auto& shape = value.at("shape");
    info.shape = {shape.at(0), shape.at(1), shape.at(2), shape.at(3), shape.at(4)};
    info.subscribed = value.at("subscribed");
    info.heap_bytes = value.at("heap_bytes");
    info.toast_bytes = value.at("toast_bytes");
    info.index_bytes = value.at("index_bytes");
    info.row_estimate = value.at("row_estimate");
    info.pages = value.at("pages");
    info.filenode = value.at("filenode");
    info.config_condition = value.at("config_condition");
    info.root_schema = value.at("root_schema");
    info.root_name = value.at("root_name");
    for (const auto& index : value.at("indexes")) info.indexes.push_back(index_from(index));
    return info;
}

}  // namespace

std::string to_json(const TablePlan& table) {
    json chunks = json::array();
    for (const auto& chunk : table.chunks) {
        chunks.push_back(
            {chunk.number, to_value(chunk.range.lo), to_value(chunk.range.hi), chunk.bytes});
    }
    json value;
    value["number"] = table.number;
    value["info"] = to_value(table.info);
    value["method"] = static_cast<int>(table.method);
    value["format"] = static_cast<int>(table.format);
    value["freeze"] = table.freeze;
    value["chunks"] = std::move(chunks);
    return dump(value);
}

TablePlan table_plan_from_json(const std::string& text) {
    const json value = json::parse(text);
    TablePlan table;
    table.number = value.at("number");
    table.info = info_from(value.at("info"));
    table.method = static_cast<Method>(value.at("method").get<int>());
    table.format = static_cast<Format>(value.at("format").get<int>());
    table.freeze = value.at("freeze");
    for (const auto& chunk : value.at("chunks")) {
        table.chunks.push_back(
            {chunk.at(0), {key_from(chunk.at(1)), key_from(chunk.at(2))}, chunk.at(3)});
    }
    return table;
}

std::string to_json_without_tables(const Plan& plan) {
    json foreign_keys = json::array();
    for (const auto& key : plan.foreign_keys) {
        foreign_keys.push_back({{"oid", key.oid},
                                {"name", key.name},
                                {"table", key.table},
                                {"table_display", key.table_display},
                                {"definition", key.definition},
                                {"validated", key.validated},
                                {"on_partitioned", key.on_partitioned},
                                {"referenced_oid", key.referenced_oid}});
    }
    json sequences = json::array();
    for (const auto& sequence : plan.sequences)
        sequences.push_back({sequence.schema, sequence.name});
    json objects = json::array();
    for (const auto& chunk : plan.large_objects) {
        objects.push_back({chunk.number, chunk.first, chunk.last, chunk.objects});
    }
    return dump({{"foreign_keys", foreign_keys},
                 {"sequences", sequences},
                 {"large_objects", objects},
                 {"materialized_views", plan.materialized_views},
                 {"partition_roots", plan.partition_roots},
                 {"capture", plan.capture},
                 {"selection",
                  {plan.selection.schemas, plan.selection.exclude_schemas, plan.selection.tables,
                   plan.selection.exclude_tables}},
                 {"lock_all_tables", plan.lock_all_tables},
                 {"encoding", plan.encoding}});
}

Plan plan_from_json_without_tables(const std::string& text) {
    const json value = json::parse(text);
    Plan plan;
    for (const auto& key : value.at("foreign_keys")) {
        plan.foreign_keys.push_back({key.at("oid"), key.at("name"), key.at("table"),
                                     key.at("table_display"), key.at("definition"),
                                     key.at("validated"), key.at("on_partitioned"),
                                     key.value("referenced_oid", Oid{0})});
    }
    for (const auto& sequence : value.at("sequences")) {
        plan.sequences.push_back({sequence.at(0), sequence.at(1)});
    }
    for (const auto& chunk : value.at("large_objects")) {
        plan.large_objects.push_back({chunk.at(0), chunk.at(1), chunk.at(2), chunk.at(3)});
    }
    plan.materialized_views = value.at("materialized_views").get<std::vector<std::string>>();
    plan.partition_roots = value.at("partition_roots").get<std::vector<std::string>>();
    plan.capture = value.at("capture");
    const auto& selection = value.at("selection");
    plan.selection = {selection.at(0), selection.at(1), selection.at(2), selection.at(3)};
    plan.lock_all_tables = value.at("lock_all_tables");
    plan.encoding = value.at("encoding");
    return plan;
}

}  // namespace pghaul::snapshot
