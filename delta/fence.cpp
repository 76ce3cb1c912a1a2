#include "delta/fence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <span>

#include "delta/blockers.hpp"
#include "delta/fence_sql.hpp"
#include "io/error.hpp"

namespace pghaul::delta {
namespace {

using snapshot::Oid;
using snapshot::TableInfo;

// So many tables' triggers are made by one message.
constexpr std::size_t kTablesPerStatement = 100;

// DROP TRIGGER waits for readers, and while it waits, new readers wait behind it: short waits,
// several rounds, pauses of uneven length between them so that they meet no rhythm of the readers.
constexpr int kLiftRounds = 8;
constexpr std::chrono::milliseconds kLiftWait{300};
constexpr int kLeastPauseMs = 100;
constexpr int kMostPauseMs = 900;

/// A function of triggers with this body, which sees pg_catalog only, whoever calls it.
std::string function_sql(const std::string& name, const std::string& body) {
    return fmt::format(
        "create or replace function {}() returns pg_catalog.trigger language plpgsql "
        "set search_path = pg_catalog, pg_temp as {}",
        name, io::quote_literal("begin " + body + " end"));
}

std::string closed_body(const std::string& moved_to) {
    const auto message = io::quote_literal("this database has moved to " + moved_to + "; ");
    return fmt::format(
        "raise exception using errcode = 'read_only_sql_transaction', "
        "message = {} || tg_table_schema || '.' || tg_table_name || ' takes no more writes', "
        "hint = {};",
        message, io::quote_literal("Connect to " + moved_to + "."));
}

/// Lets every write pass; what statement triggers return is not looked at.
constexpr const char* kOpenBody = "if tg_op = 'DELETE' then return old; end if; return new;";

/// The names of its triggers on each table that has one.
struct FencedTable {
    std::string schema;
    std::string name;
    std::vector<std::string> triggers;
};

std::map<Oid, FencedTable> fenced_tables(io::Connection& source, const CaptureSite& site) {
    const auto names = io::array_literal({object_name(site, kFence), object_name(site, kFenceRow)});
    const auto rows = source.query(kListFenceTriggers, {names});
    std::map<Oid, FencedTable> tables;
    for (int row = 0; row < rows.rows(); ++row) {
        auto& table = tables[static_cast<Oid>(rows.integer(row, 0))];
        table.schema = rows.string(row, 1);
        table.name = rows.string(row, 2);
        table.triggers.push_back(rows.string(row, 3));
    }
    return tables;
}

/// The statement trigger refuses what names the table itself, and TRUNCATE by whatever name. The
/// row trigger refuses what comes by a partitioned table or an inheritance parent, and by logical
/// replication, which fires no statement triggers.
std::string fence_table_sql(const CaptureSite& site, const TableInfo& table,
                            const FencedTable* standing) {
    const auto stands = [&](std::string_view rest) {
        return standing != nullptr &&
               std::find(standing->triggers.begin(), standing->triggers.end(),
                         object_name(site, rest)) != standing->triggers.end();
    };
    std::string sql;
    if (!stands(kFence)) {
        sql += fmt::format(
            "create trigger {} before insert or update or delete or truncate on {} "
            "for each statement execute procedure {}(); ",
            fence_trigger(site), table.qualified(), fence_function(site));
    }
    if (!stands(kFenceRow)) {
        sql += fmt::format(
            "create trigger {} before insert or update or delete on {} "
            "for each row execute procedure {}(); ",
            fence_row_trigger(site), table.qualified(), fence_function(site));
    }
    return sql + fmt::format(
                     "alter table only {} enable always trigger {}, "
                     "enable always trigger {}; ",
                     table.qualified(), fence_trigger(site), fence_row_trigger(site));
}

std::vector<std::string> function_schemas(io::Connection& source, const CaptureSite& site) {
    const auto rows = source.query(kListFenceFunctions, {object_name(site, kFence)});
    std::vector<std::string> schemas;
    for (int row = 0; row < rows.rows(); ++row) schemas.push_back(rows.string(row, 0));
    return schemas;
}

/// Returns false if readers are in the way.
bool unfence(io::Connection& source, const FencedTable& table) {
    std::string sql = fmt::format("set local lock_timeout = {}; ", kLiftWait.count());
    for (const auto& trigger : table.triggers) {
        sql += fmt::format("drop trigger if exists {} on {}; ", io::quote_ident(trigger),
                           io::quote_qualified(table.schema, table.name));
    }
    try {
        source.execute({"drop_fence_triggers", sql});
        return true;
    } catch (io::Error& error) {
        if (error.poisons_connection()) throw;
        if (error.sqlstate() == "55P03" || error.sqlstate() == "40P01") return false;
        if (error.sqlstate() == "42P01") return true;  // dropped meanwhile, triggers and all
        error.context("fence of " + snapshot::display_name(table.schema, table.name));
        throw;
    }
}

io::Error held_up(io::Connection& source, const std::map<Oid, FencedTable>& tables) {
    std::vector<Oid> oids;
    for (const auto& [oid, table] : tables) oids.push_back(oid);
    const auto blockers = find_blockers(source, oids, InTheWay::anybody, kLiftWait);
    io::Error error(fmt::format(
        "the fence is open and writes go on, but its triggers still stand on {} tables that others "
        "keep locked",
        tables.size()));
    error.sqlstate("55P03").retryable(true).exit_code(io::ExitCode::stopped);
    return error.detail(describe(blockers))
        .hint("wait for these transactions or end them, then run again");
}

}  // namespace

void install_fence(io::Connection& source, const CaptureSite& site,
                   const std::vector<TableInfo>& tables, const std::string& moved_to) {
    source.execute(
        {"create_fence_function", function_sql(fence_function(site), closed_body(moved_to))});
    const auto standing = fenced_tables(source, site);
    for (std::span<const TableInfo> rest(tables); !rest.empty();) {
        const auto some = rest.first(std::min(kTablesPerStatement, rest.size()));
        std::string sql;
        for (const auto& table : some) {
            const auto found = standing.find(table.oid);
            sql += fence_table_sql(site, table, found == standing.end() ? nullptr : &found->second);
        }
        source.execute({"install_fence", sql});
        rest = rest.subspan(some.size());
    }
}

bool fence_exists(io::Connection& source, const CaptureSite& site) {
    return !function_schemas(source, site).empty() || !fenced_tables(source, site).empty();
}

void lift_fence(io::Connection& source, const CaptureSite& site, const io::Interrupt& interrupt) {
    const auto schemas = function_schemas(source, site);
    for (const auto& schema : schemas) {
        source.execute({"open_fence", function_sql(fence_function({site.job, schema}), kOpenBody)});
    }
    std::minstd_rand random(std::random_device{}());
    std::uniform_int_distribution<int> pause_ms(kLeastPauseMs, kMostPauseMs);
    auto tables = fenced_tables(source, site);
    for (int round = 1; !tables.empty(); ++round) {
        std::erase_if(tables, [&](const auto& entry) { return unfence(source, entry.second); });
        if (tables.empty()) break;
        if (round == kLiftRounds) throw held_up(source, tables);
        interrupt.sleep_ms(pause_ms(random));
    }
    for (const auto& schema : schemas) {
        source.execute({"drop_fence_function", fmt::format("drop function if exists {}()",
                                                           fence_function({site.job, schema}))});
    }
}

}  // namespace pghaul::delta
