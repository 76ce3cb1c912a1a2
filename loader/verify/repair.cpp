#include "loader/verify/repair.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <span>

#include "io/copy_reader.hpp"
#include "io/copy_writer.hpp"
#include "io/row_reader.hpp"
#include "io/sql.hpp"
#include "io/transaction.hpp"
#include "loader/copy_chunk.hpp"
#include "loader/large_objects.hpp"
#include "loader/sequences.hpp"
#include "loader/verify/brief_lock.hpp"
#include "loader/verify/narrow.hpp"
#include "loader/verify/verify_sql.hpp"
#include "snapshot/held_snapshot.hpp"

namespace pghaul::loader {
namespace {

using io::Connection;
using io::Error;
using Places = std::vector<RowPlace>;

// Rows that one statement finds by their addresses.
constexpr std::size_t kRowsPerStatement = 1000;
constexpr std::chrono::minutes kLockTimeout{10};

template <typename Visit>
void for_each_batch(const Places& places, Visit visit) {
    for (std::span<const RowPlace> rest(places); !rest.empty();) {
        const auto some = rest.first(std::min(kRowsPerStatement, rest.size()));
        visit(Places(some.begin(), some.end()));
        rest = rest.subspan(some.size());
    }
}

class Repair {
  public:
    Repair(const VerifySetup& setup, const snapshot::Plan& plan, const RepairOptions& options)
        : setup_(setup),
          plan_(plan),
          options_(options),
          readers_(setup),
          source_(source_of(setup)),
          target_(Connection::open(
              setup.target,
              {setup.job, "repair", "UTF8", kLockTimeout, {{"synchronous_commit", "on"}}},
              setup.interrupt)) {
        dialect_ = dialect_of(source_, target_);
        readers_.speak(dialect_);
        try {
            target_.execute({"replica_role", "set session_replication_role to replica"});
            role_ = "replica";
        } catch (const Error& error) {
            if (error.sqlstate() != "42501") throw;
        }
    }

    RepairResult run(const VerifyResult& result) {
        setup_.progress.begin_step("repair");
        for (const auto& table : result.differing_tables) {
            if (table.all.empty()) continue;
            try {
                mend(table);
            } catch (Error& error) {
                error.context("repair of " + table.table->info.display());
                throw;
            }
        }
        mend_sequences(result.differing_sequences);
        mend_objects(result.differing_objects);
        return done_;
    }

  private:
    Connection& source_of(const VerifySetup& setup) {
        if (setup.source_session != nullptr) return *setup.source_session;
        own_source_.emplace(snapshot::open_in_snapshot(
            setup.source, {setup.job, "repair", "UTF8", kLockTimeout, {}},
            setup.moment.source_snapshot, setup.interrupt));
        return *own_source_;
    }

    void mend(const TableDifferences& differences) {
        const auto& table = *differences.table;
        lock_source(table.info);
        // Addresses of the snapshot that was compared are those of the rows now, or of none.
        const auto places = places_to_delete(differences);
        io::Transaction transaction(target_);
        target_.execute({"lock_table", "lock table only " + table.info.qualified() +
                                           " in share row exclusive mode"});
        refuse_triggers(table.info);
        for_each_batch(places, [&](const Places& some) { delete_rows(table.info, some); });
        // A value that is missing n times is brought n times.
        std::int64_t most = 0;
        for (const auto& row : differences.all) most = std::max(most, row.to_insert);
        for (std::int64_t time = 1; time <= most; ++time) {
            Places missing;
            for (const auto& row : differences.all) {
                if (row.to_insert >= time) missing.push_back(row.source_place);
            }
            for_each_batch(missing, [&](const Places& some) { insert_rows(table, some); });
            done_.rows_inserted += static_cast<std::int64_t>(missing.size());
        }
        transaction.commit();
        if (source_lock_) source_lock_->release();
        done_.rows_deleted += static_cast<std::int64_t>(places.size());
        ++done_.tables;
    }

    /// What is truncated now would look as if its rows were gone.
    void lock_source(const snapshot::TableInfo& table) {
        if (!setup_.lock_briefly) return;
        source_lock_.emplace(source_, table);
        if (source_lock_->same_file()) return;
        throw Error("the table was truncated or rewritten on the source since it was compared")
            .exit_code(io::ExitCode::stopped)
            .hint("run pghaul verify --repair again");
    }

    void refuse_triggers(const snapshot::TableInfo& table) {
        const auto firing = target_.query(kFiringTriggers, {table.qualified(), role_});
        if (firing.rows() == 0) return;
        throw Error(firing.string(0, 0) + " would fire on the rows that are mended")
            .exit_code(io::ExitCode::no_go)
            .hint(role_ == "replica"
                      ? "disable it while rows are mended (alter table … disable trigger …)"
                      : "connect to the target as a role that may set session_replication_role "
                        "(a superuser; from version 15 on: grant set on parameter)");
    }

    Places places_to_delete(const TableDifferences& differences) {
        Places places;
        std::map<io::Hash128, std::int64_t> wanted;  // of values of which there are several
        for (const auto& row : differences.all) {
            if (row.to_delete == 0) continue;
            if (row.target_count == 1) {
                places.push_back(row.target_place);
            } else {
                wanted[row.target_hash] += row.to_delete;
            }
        }
        if (!wanted.empty()) find_copies(*differences.table, wanted, places);
        return places;
    }

    /// Looks for as many rows of each of these values as are wanted.
    void find_copies(const snapshot::TablePlan& plan,
                     const std::map<io::Hash128, std::int64_t>& wanted, Places& places) {
        const std::vector<snapshot::TablePlan> plans = {plan};
        const auto tables = describe_tables(source_, readers_.session(Side::target), plans);
        const auto sql = read_rows_sql(tables.front(), plan.info.config_condition, "ctid");
        const auto before = places;
        const ReadItem item{"rows of " + plan.info.display(), 0,
                            [&](Connection& connection, io::StreamProgress& progress) {
                                auto left = wanted;
                                places = before;
                                io::RowReader reader(connection, sql, dialect_.rows_encoding,
                                                     progress);
                                for (std::string_view fields; reader.next(fields);) {
                                    const auto place = place_of(io::take_field(fields));
                                    const auto found = left.find(io::hash_of(fields));
                                    if (found == left.end() || found->second == 0) continue;
                                    --found->second;
                                    places.push_back(place);
                                }
                            }};
        readers_.run({}, {item});
    }

    void delete_rows(const snapshot::TableInfo& table, const Places& places) {
        const std::string sql =
            "delete from only " + table.qualified() + " where ctid = any($1::pg_catalog.tid[])";
        const auto deleted = target_.query({"delete_rows", sql}, {place_array(places)}).affected();
        if (deleted == static_cast<std::int64_t>(places.size())) return;
        throw Error(fmt::format("{} rows changed on the target since they were compared",
                                static_cast<std::int64_t>(places.size()) - deleted))
            .exit_code(io::ExitCode::stopped)
            .hint("stop what writes there, then run pghaul verify --repair again");
    }

    void insert_rows(const snapshot::TablePlan& table, const Places& places) {
        std::vector<std::string> names;
        for (const auto& column : table.info.columns) names.push_back(column.name);
        const auto out = fmt::format(
            "copy (select {} from only {} where ctid = any({}::pg_catalog.tid[]))"
            " to stdout (format {})",
            io::quote_ident_list(names), table.info.qualified(),
            io::quote_literal(place_array(places)), snapshot::name_of(table.format));
        auto appended = table;
        appended.freeze = false;  // the rows that are there stay
        io::CopyReader reader(source_, "read_rows", switch_encoding("session") + out);
        io::CopyWriter writer(target_, "write_rows",
                              switch_encoding("local") + copy_in_sql(appended));
        io::Block block;
        while (reader.read(block)) {
            writer.write(block);
            block.bytes.clear();
        }
        const auto written = writer.finish();
        if (written != static_cast<std::int64_t>(places.size())) {
            throw Error(
                fmt::format("the target took {} rows instead of {}", written, places.size()));
        }
        if (plan_.encoding == "UTF8") return;
        source_.execute({"reset_encoding", "set client_encoding to 'UTF8'"});
        target_.execute({"reset_encoding", "set local client_encoding to 'UTF8'"});
    }

    /// Rows travel as in the copy: in the source's encoding.
    std::string switch_encoding(const char* scope) const {
        if (plan_.encoding == "UTF8") return {};
        return fmt::format("set {} client_encoding to {}; ", scope,
                           io::quote_literal(plan_.encoding));
    }

    void mend_sequences(const std::vector<SequenceDifference>& differing) {
        std::vector<snapshot::SequenceName> sequences;
        for (const auto& one : differing) {
            if (!one.source.empty() && !one.target.empty()) sequences.push_back(one.sequence);
        }
        done_.sequences = set_sequences(source_, target_, sequences);
    }

    void mend_objects(const std::vector<ObjectDifference>& differing) {
        using Kind = RowDifference::Kind;
        if (differing.empty()) return;
        io::Transaction transaction(target_);
        for (const auto& object : differing) {
            const auto oid = std::to_string(object.oid);
            if (object.kind == Kind::missing) {
                copy_large_objects(source_, target_, object.oid, object.oid, options_.no_owner,
                                   options_.no_privileges);
            } else if (object.kind == Kind::extra) {
                target_.execute(
                    {"unlink_large_object", "select pg_catalog.lo_unlink(" + oid + ")"});
            } else {
                rewrite_large_object(source_, target_, object.oid);
            }
        }
        transaction.commit();
        done_.large_objects = static_cast<std::int64_t>(differing.size());
    }

    const VerifySetup& setup_;
    const snapshot::Plan& plan_;
    const RepairOptions& options_;
    Readers readers_;
    std::optional<Connection> own_source_;
    Connection& source_;
    Connection target_;
    std::optional<BriefLock> source_lock_;
    Dialect dialect_;
    /// Of the target's session.
    std::string role_ = "origin";
    RepairResult done_;
};

}  // namespace

RepairResult repair(const VerifySetup& setup, const snapshot::Plan& plan,
                    const VerifyResult& result, const RepairOptions& options) {
    return Repair(setup, plan, options).run(result);
}

}  // namespace pghaul::loader
