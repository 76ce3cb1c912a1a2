#include "loader/finish_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "io/failpoint.hpp"
#include "io/transaction.hpp"
#include "snapshot/claims.hpp"
#include "snapshot/journal.hpp"

namespace pghaul::loader {
namespace {

using snapshot::IndexInfo;
using snapshot::TableInfo;
using snapshot::TablePlan;

using Statements = std::vector<std::string>;

constexpr double kFewRows = 1000;

/// $1 idle streams, $2 helpers wanted beside busy ones. The server starts no worker that would have
/// less than 32 MB of maintenance_work_mem for itself.
constexpr io::Query kSetHelpers{"set_helpers", R"sql(
    with helpers as (
        select greatest(
                   $1::pg_catalog.int4,
                   least($2::pg_catalog.int4,
                         pg_catalog.current_setting('max_parallel_maintenance_workers')::pg_catalog.int4)
               ) as number
    )
    select pg_catalog.set_config('max_parallel_maintenance_workers', number::pg_catalog.text, true),
           pg_catalog.set_config(
               'maintenance_work_mem',
               greatest(
                   pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')),
                   (number + 1) * pg_catalog.pg_size_bytes('32MB')
               ) / 1024 || 'kB',
               true
           )
      from helpers
)sql"};

// An exclusion constraint can't adopt an index that stands already: it makes its own.
bool made_by_constraint(const IndexInfo& index) { return index.constraint_kind == "x"; }

Statements create_index_sql(const IndexInfo& index) {
    if (index.tablespace.empty()) return {index.definition};
    return {"set local default_tablespace to " + io::quote_literal(index.tablespace),
            index.definition, "set local default_tablespace to ''"};
}

std::string add_constraint_sql(const TableInfo& table, const IndexInfo& index) {
    const std::string add = fmt::format("alter table only {} add constraint {} ", table.qualified(),
                                        io::quote_ident(index.constraint_name));
    if (made_by_constraint(index)) return add + index.constraint_definition;
    return fmt::format("{}{} using index {}{}{}", add,
                       index.constraint_kind == "p" ? "primary key" : "unique",
                       io::quote_ident(index.name), index.deferrable ? " deferrable" : "",
                       index.deferred ? " initially deferred" : "");
}

/// One statement for an index and its constraint, where they are as ALTER TABLE makes them; else
/// empty. Cheaper by a sixth than making one and then adopting it.
std::string create_key_sql(const TableInfo& table, const IndexInfo& index) {
    const auto& definition = index.constraint_definition;
    const auto columns = definition.find('(');
    const bool plain =
        (definition.starts_with("PRIMARY KEY (") || definition.starts_with("UNIQUE (")) &&
        index.name == index.constraint_name && index.tablespace.empty() &&
        index.definition.ends_with(" USING btree " + definition.substr(columns));
    if (!plain) return {};
    return fmt::format("alter table only {} add constraint {} {}", table.qualified(),
                       io::quote_ident(index.name), definition);
}

/// Everything that hangs on an index and is quick: safe to repeat.
Statements index_properties_sql(const TableInfo& table, const IndexInfo& index) {
    Statements sql;
    if (index.clustered) {
        sql.push_back(fmt::format("alter table {} cluster on {}", table.qualified(),
                                  io::quote_ident(index.name)));
    }
    if (index.replica_identity) {
        sql.push_back(fmt::format("alter table only {} replica identity using index {}",
                                  table.qualified(), io::quote_ident(index.name)));
    }
    for (const auto& [column, target] : index.statistics) {
        sql.push_back(fmt::format("alter index {} alter column {} set statistics {}",
                                  io::quote_qualified(table.schema, index.name), column, target));
    }
    return sql;
}

/// Leaves of a partitioned table get theirs when the topmost table is analysed.
std::string analyze_sql(const TableInfo& table) {
    return table.root_name.empty() ? "analyze " + table.qualified() : std::string();
}

void execute(io::Connection& target, std::string_view name, const Statements& statements) {
    std::size_t done = 0;
    target.execute_all(name, statements, done);
}

/// All that hangs on a table that has nothing yet.
Statements finish_sql(const TableInfo& table) {
    Statements sql;
    const auto add = [&](Statements more) {
        sql.insert(sql.end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
    };
    for (const auto& index : table.indexes) {
        if (auto key = create_key_sql(table, index); !key.empty()) {
            add({std::move(key)});
        } else {
            if (!made_by_constraint(index)) add(create_index_sql(index));
            if (!index.constraint_name.empty()) add({add_constraint_sql(table, index)});
        }
        add(index_properties_sql(table, index));
    }
    if (auto analyze = analyze_sql(table); !analyze.empty()) add({std::move(analyze)});
    return sql;
}

bool constraint_exists(io::Connection& target, const TableInfo& table, const IndexInfo& index) {
    return target
        .query_row({"constraint_exists", R"sql(
                       select exists (
                           select 1
                             from pg_catalog.pg_constraint
                            where conrelid = pg_catalog.to_regclass($1)
                              and conname = $2)
                   )sql"},
                   {table.qualified(), index.constraint_name})
        .boolean(0, 0);
}

/// Chunks that were cut off leave their rows dead in the heap: more than half a chunk of them is
/// worth a look at the whole table.
void remove_dead_rows(io::Connection& target, const TablePlan& table) {
    const auto dead = std::stod(target.query_value(
        {"dead_rows",
         "select pg_catalog.pg_stat_get_dead_tuples(pg_catalog.to_regclass($1))::text"},
        {table.info.qualified()}));
    const double chunk = table.info.row_estimate / static_cast<double>(table.chunks.size());
    if (dead <= std::max(chunk / 2, kFewRows)) return;
    target.execute({"vacuum_table", "vacuum " + table.info.qualified()});
}

}  // namespace

bool index_exists(io::Connection& target, const TableInfo& table, const IndexInfo& index) {
    return target
        .query_row({"index_exists", "select pg_catalog.to_regclass($1) is not null"},
                   {io::quote_qualified(table.schema, index.name)})
        .boolean(0, 0);
}

bool build_index(io::Connection& target, const std::string& job, const TableInfo& table,
                 const IndexInfo& index, BuildHelpers helpers) {
    if (made_by_constraint(index)) return true;
    io::Transaction transaction(target);
    if (!snapshot::claim_index(target, job, index.oid)) return false;
    // Looked at with the claim in hand: whoever had it before may just have built it.
    if (index_exists(target, table, index)) return true;
    if (target.server_major() >= 11) {
        target.query(kSetHelpers, {std::to_string(helpers.idle), std::to_string(helpers.wanted)});
    }
    try {
        execute(target, "create_index", create_index_sql(index));
    } catch (io::Error& error) {
        // duplicate_table: a session of ours that was cut off has just finished it.
        if (error.sqlstate() == "42P07") error.retryable(true);
        throw;
    }
    transaction.commit();
    return true;
}

void make_indexes_and_keys(io::Connection& target, const TablePlan& table) {
    for (const auto& index : table.info.indexes) {
        if (!made_by_constraint(index) && !index_exists(target, table.info, index)) {
            execute(target, "create_index", create_index_sql(index));
        }
        if (!index.constraint_name.empty() && !constraint_exists(target, table.info, index)) {
            target.execute({"add_constraint", add_constraint_sql(table.info, index)});
        }
        execute(target, "index_properties", index_properties_sql(table.info, index));
    }
}

void finish_table(io::Connection& target, const TablePlan& table, const std::string& job) {
    io::failpoint(io::Failpoint::table_before_finish);
    {
        io::Transaction transaction(target);
        // The mark's commit, which follows, takes this one to the disk too.
        target.execute({"commit_later", "set local synchronous_commit to off"});
        make_indexes_and_keys(target, table);
        if (const auto analyze = analyze_sql(table.info); !analyze.empty()) {
            target.execute({"analyze", analyze});
        }
        transaction.commit();
    }
    // ANALYZE has just estimated them anew, should a crash have made the server forget.
    remove_dead_rows(target, table);
    io::Transaction transaction(target);
    snapshot::mark_finished(target, job, {table.number});
    transaction.commit();
    io::failpoint(io::Failpoint::table_after_finish);
}

void finish_fresh_tables(io::Connection& target, const std::vector<const TablePlan*>& tables) {
    Statements all;
    std::vector<const TablePlan*> table_of;
    // Several are small ones. Without it the server looks at each how many workers its index wants.
    if (tables.size() > 1 && target.server_major() >= 11) {
        all.emplace_back("set local max_parallel_maintenance_workers to 0");
        table_of.push_back(tables.front());
    }
    for (const auto* table : tables) {
        for (auto& statement : finish_sql(table->info)) all.push_back(std::move(statement));
        table_of.resize(all.size(), table);
    }
    std::size_t done = 0;
    try {
        target.execute_all("finish_tables", all, done);
    } catch (io::Error& error) {
        if (done < table_of.size()) {
            error.context("constraints and statistics of " + table_of[done]->info.display());
        }
        throw;
    }
}

}  // namespace pghaul::loader
