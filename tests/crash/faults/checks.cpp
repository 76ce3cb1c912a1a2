#include "tests/crash/faults/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <vector>

#include "tests/support/shared_servers.hpp"

namespace pghaul::test::faults {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

/// The rows of a table as hashes, sorted by bytes.
std::vector<std::string> rows_of(const End& end, const std::string& table) {
    auto rows = lines_of(
        end.sql("set timezone = 'UTC'; select md5(t::text) from only " + table + " as t;"));
    std::sort(rows.begin(), rows.end());
    return rows;
}

long only_in(const std::vector<std::string>& left, const std::vector<std::string>& right) {
    std::vector<std::string> rest;
    std::set_difference(left.begin(), left.end(), right.begin(), right.end(),
                        std::back_inserter(rest));
    return static_cast<long>(rest.size());
}

}  // namespace

Differences compare(const Ends& ends) {
    Differences found;
    found.text = compare_databases(ends.source.superuser(), ends.target.superuser());
    if (found.text.empty()) return found;
    const auto tables = lines_of(ends.source.sql(
        "select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where relkind = 'r' and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', "
        "'pghaul') and relname !~ '^pghaul/' order by 1;"));
    for (const auto& table : tables) {
        const auto source = rows_of(ends.source, table);
        const auto target = rows_of(ends.target, table);
        found.lost += only_in(source, target);
        found.doubled += only_in(target, source);
    }
    return found;
}

std::string sessions_left(const Ends& ends) {
    std::string left;
    const bool none = eventually([&] {
        left.clear();
        for (const auto& end : {ends.source, ends.target}) left += pghaul_sessions(end.server);
        return left.empty();
    });
    return none ? "" : left;
}

std::string processes_left(const std::string& entry) {
    std::string left;
    for (const pid_t pid : all_processes()) {
        if (proc_file(pid, "environ").find(entry) == std::string::npos) continue;
        auto words = proc_file(pid, "cmdline");
        std::replace(words.begin(), words.end(), '\0', ' ');
        left += std::to_string(pid) + " " + words + "\n";
    }
    return left;
}

std::string files_left(const std::string& folder) {
    std::string left;
    for (const auto& file : fs::recursive_directory_iterator(folder)) {
        left += file.path().string() + "\n";
    }
    return left;
}

std::string objects_left(const Ends& ends) {
    std::string left;
    for (const auto& end : {ends.source, ends.target}) left += traces(end.superuser());
    EqualityOptions with_schema;
    with_schema.schema = true;
    // Compared before drop. A server that crashes moves its sequences ahead: it logs 32 values at a
    // time.
    with_schema.sequences = false;
    // The owner of the target database has by itself what was granted to it on the source.
    with_schema.schema_dump_options = {"--no-privileges"};
    return left + compare_databases(ends.source.superuser(), ends.target.superuser(), with_schema);
}

Waste waste_of(const Ends& ends) {
    const std::string table = kStillTable;
    const auto size = [&](const End& end) {
        return std::stod(end.sql("select pg_relation_size('" + table + "');"));
    };
    Waste waste;
    waste.heap_ratio = size(ends.target) / size(ends.source);
    waste.rows = std::stol(ends.source.sql("select count(*) from " + table + ";"));
    waste.dead_rows =
        std::stol(ends.target.sql("create extension pgstattuple; select dead_tuple_count from "
                                  "pgstattuple('" +
                                  table + "');"));
    return waste;
}

}  // namespace pghaul::test::faults
