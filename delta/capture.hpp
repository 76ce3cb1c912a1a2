// Capture: what is installed on the source so that every later change leaves a trace. Per table a
// delta table (the writing transaction's id and the touched key, or the whole row where there is no
// key), a trigger function that fills it, and triggers that call it. Keys only: rows are read
// later. Needs the tables' owner, and one schema to create in; no superuser, no extension. Thread:
// the one that owns the connection.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "delta/blockers.hpp"
#include "delta/names.hpp"
#include "io/connection.hpp"
#include "snapshot/table_info.hpp"

namespace pghaul::delta {

/// Longest time that a writer may wait because of a lock that we ask for, but for every fourth
/// attempt: that one outlasts deadlock_timeout, after which the server ends an autovacuum in the
/// way.
inline constexpr std::chrono::milliseconds kShortLock{500};
inline constexpr std::chrono::milliseconds kLongerLock{1500};

/// False for tables whose changes are not captured: an extension's own configuration tables.
bool is_captured(const snapshot::TableInfo& table);

/// Where the job's objects are on the source, if it has any.
std::optional<CaptureSite> find_site(io::Connection& source, const std::string& job);

/// For which job it captures: the name alone does not tell it from another one of that name.
struct SiteOwner {
    std::string job_id;
    /// The target, for people.
    std::string target;
};
SiteOwner owner_of(io::Connection& source, const CaptureSite& site);

/// The id of a job that was made by importing an export: it tells itself from other imports of it.
std::string id_of_import(const std::string& export_id, const std::string& import);
/// True if the changes captured there are those that the job with this id needs.
bool captures_for(const SiteOwner& owner, const std::string& job_id);

/// Makes the job the one that takes the changes away. Those of an export are nobody's until a job
/// that imported it asks for them; there can be only one.
/// Throws: io::Error (no_go) if another job is.
void claim_site(io::Connection& source, const CaptureSite& site, const std::string& job_id,
                const std::string& target);

/// Makes the schema and the job's own two tables unless they are there.
/// job_id: tells this job from another of the same name into another target.
/// Throws: io::Error (no_go) if such a job captures here, or if we may create nowhere.
CaptureSite make_site(io::Connection& source, const std::string& job, const std::string& job_id,
                      const std::string& target, const std::vector<snapshot::TableInfo>& tables);

/// Installs capture on one table in one transaction, unless it is there; waits for writers in
/// slices of kShortLock with pauses, so that they hardly wait for us. A table that was dropped or
/// renamed meanwhile is passed over: the caller reads the catalog again. One that was altered
/// since it was captured begins anew: changes captured so far are thrown away.
/// waiting: told who stands in the way before each pause.
/// Throws: io::Error (stopped) that names the blockers when the attempts are used up.
void install(io::Connection& source, const CaptureSite& site, const snapshot::TableInfo& table,
             const io::Interrupt& interrupt,
             const std::function<void(const std::string&)>& waiting);

/// Display names of tables whose capture is not (or not wholly) there, was switched off, or is for
/// the shape that the table had before it was altered.
std::vector<std::string> uncaptured(io::Connection& source, const CaptureSite& site,
                                    const std::vector<snapshot::TableInfo>& tables);

/// Prepared transactions that would block the installation for ever, described; empty: none.
std::string prepared_blockers(io::Connection& source,
                              const std::vector<snapshot::TableInfo>& tables);

struct Removed {
    int triggers = 0;
    int objects = 0;
    bool schema = false;
    /// A write fence stood: the source takes writes again.
    bool fence = false;
};

/// Removes every trace of the job on the source, the fence included. Idempotent.
Removed remove_all(io::Connection& source, const std::string& job, const io::Interrupt& interrupt);

/// Jobs that have anything on this source.
std::vector<std::string> jobs_on(io::Connection& source);

/// Runs a transaction that needs short locks: again and again, with pauses, while it meets a lock
/// timeout or a deadlock. table: for naming the blockers.
/// Throws: io::Error (stopped) with the blockers when the attempts are used up.
void with_short_locks(io::Connection& source, snapshot::Oid table, const std::string& display,
                      InTheWay kind, const io::Interrupt& interrupt,
                      const std::function<void(const std::string&)>& waiting,
                      const std::function<void()>& body);

}  // namespace pghaul::delta
