#include "cmd/new_tables.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <limits>

#include "cmd/drift.hpp"
#include "cmd/live.hpp"
#include "cmd/target_schema.hpp"
#include "delta/capture.hpp"
#include "io/error.hpp"
#include "io/sql.hpp"
#include "io/transaction.hpp"
#include "loader/finish_table.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/planner.hpp"

namespace pghaul::cmd {
namespace {

using snapshot::Oid;
using snapshot::TablePlan;

// Found as a whole: a new table's sequences are chosen with it (serial columns).
constexpr io::Query kWithSequences{"with_sequences", R"sql(
    select c.oid::pg_catalog.int8
      from pg_catalog.pg_class as c
     where c.oid = any($1::pg_catalog.oid[])
     union
    select d.objid::pg_catalog.int8
      from pg_catalog.pg_depend as d
      join pg_catalog.pg_class as s on s.oid = d.objid and s.relkind = 'S'
     where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       and d.refobjid = any($1::pg_catalog.oid[])
       and d.deptype in ('a', 'i')
)sql"};

std::vector<Oid> with_sequences(io::Connection& source, const std::vector<Oid>& tables) {
    const auto rows = source.query(kWithSequences, {snapshot::oid_array(tables)});
    std::vector<Oid> oids;
    for (int row = 0; row < rows.rows(); ++row) {
        oids.push_back(static_cast<Oid>(rows.integer(row, 0)));
    }
    return oids;
}

template <typename Part>
void append(std::vector<Part>& to, const std::vector<Part>& from) {
    to.insert(to.end(), from.begin(), from.end());
}

class NewTables {
  public:
    NewTables(RunContext& run, Steps& steps) : run_(run), steps_(steps) {}

    int take_over() {
        if (const auto drift = find_drift(run_); !drift.made.empty()) {
            steps_.begin("new tables");
            make(drift.made);
            steps_.end();
        }
        const auto unfinished = not_finished();
        if (!unfinished.empty()) complete(unfinished);
        return static_cast<int>(unfinished.size());
    }

  private:
    std::vector<TablePlan> not_finished() {
        const auto finished = run_.journal.finished_tables();
        std::vector<TablePlan> tables;
        for (const auto& table : run_.plan.tables) {
            if (!finished.contains(table.number)) tables.push_back(table);
        }
        return tables;
    }

    /// Partitions come as plain tables first: attached once they have their own indexes, they keep
    /// these instead of getting new ones.
    loader::SchemaOptions options_for(const std::vector<TablePlan>& tables) const {
        auto options = run_.schema_options();
        options.attach_later = true;
        options.selection = {};
        for (const auto& table : tables) {
            options.selection.tables.push_back(table.info.qualified());
        }
        if (run_.apply_mode == delta::ApplyMode::guarded) {
            options.absent_foreign_keys = &run_.plan.foreign_keys;
        }
        return options;
    }

    /// Captured first: what is written from here on is a change. Then made on the target, in one
    /// transaction with its place in the plan.
    void make(const std::vector<Oid>& oids) {
        auto source = run_.open_source("new tables");
        auto catalog = snapshot::read_catalog(source, with_sequences(source, oids));
        for (const auto& table : catalog.tables) {
            spdlog::info("new on the source: {}", table.display());
            delta::install(source, *run_.site, table, run_.interrupt,
                           [](const std::string& why) { spdlog::info("{}", why); });
        }
        snapshot::PlanOptions as_one_chunk;
        as_one_chunk.jobs = 1;
        as_one_chunk.chunk_bytes = std::numeric_limits<std::int64_t>::max();
        as_one_chunk.format = run_.options.format;
        as_one_chunk.freeze = false;
        as_one_chunk.integer_datetimes = run_.facts.integer_datetimes;
        as_one_chunk.capture = true;
        auto more = snapshot::make_plan(source, std::move(catalog), as_one_chunk);

        auto plan = run_.plan;
        const auto first = static_cast<int>(plan.tables.size());
        for (auto& table : more.tables) table.number += first;
        append(plan.tables, more.tables);
        append(plan.foreign_keys, more.foreign_keys);
        append(plan.sequences, more.sequences);
        append(plan.partition_roots, more.partition_roots);

        const auto options = options_for(more.tables);
        const auto archive =
            loader::dump_schema(run_.facts.tools, run_.source, {}, options, run_.interrupt);
        loader::restore_pre_data(
            run_.facts.tools, archive, run_.target, options,
            {false, 0,
             [&](io::Connection& target, const loader::RestoreProgress& progress) {
                 if (progress.finished) run_.journal.add_tables(target, plan, first);
             }},
            run_.interrupt);
        run_.plan = std::move(plan);
    }

    /// Rows, with the next window of changes; then what hangs on them. Every part may be done
    /// again.
    void complete(const std::vector<TablePlan>& tables) {
        begin_catch_up(run_, run_.interrupt)->apply_window();
        auto target = run_.open_target("new tables");
        for (const auto& table : tables) {
            io::Transaction transaction(target);
            loader::make_indexes_and_keys(target, table);
            transaction.commit();
        }
        const auto options = options_for(tables);
        const auto archive =
            loader::dump_schema(run_.facts.tools, run_.source, {}, options, run_.interrupt);
        loader::RestOfSchema rest(run_.facts.tools, archive, options, run_.interrupt,
                                  made_by_pghaul(run_.plan));
        const auto name = fmt::format("rest of new tables {}", tables.front().number);
        for (const auto& [part, step] : {std::pair(loader::RestPart::attaches, name + ", attaches"),
                                         std::pair(loader::RestPart::indexes, name + ", indexes"),
                                         std::pair(loader::RestPart::others, name + ", others")}) {
            steps_.once_from_mark(step, [&](const loader::RestoreOptions& from) {
                rest.restore(part, run_.target, from);
            });
        }
        if (run_.apply_mode == delta::ApplyMode::replica) validate_foreign_keys(run_, steps_);
        for (const auto& table : tables) {
            loader::finish_table(target, table, run_.options.job);
        }
    }

    RunContext& run_;
    Steps& steps_;
};

}  // namespace

int take_over_new_tables(RunContext& run, Steps& steps) {
    return NewTables(run, steps).take_over();
}

}  // namespace pghaul::cmd
