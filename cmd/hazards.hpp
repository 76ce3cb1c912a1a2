// Looks at both servers before anything is touched: what would stop a run, what would make it
// worse than expected, and how to mend each. `pghaul plan` prints them; `pghaul run` refuses to
// begin while one of them is a no-go.
#pragma once

#include <string>
#include <vector>

#include "cmd/options.hpp"
#include "io/connection.hpp"
#include "loader/dump_tools.hpp"
#include "snapshot/catalog.hpp"
#include "snapshot/export_manifest.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::cmd {

struct Hazard {
    enum class Weight { note, warning, no_go };
    Weight weight = Weight::note;
    std::string message;
    std::string fix;
};

struct ServerFacts {
    std::string source_identity;
    int source_major = 0;
    loader::DumpTools tools;
    bool integer_datetimes = true;
    bool no_tablespaces = false;
    std::int64_t maintenance_work_mem_kb = 65536;
};

/// Checks that end everything at once: versions, encodings, same database, pg_dump.
/// Throws: io::Error (no_go).
ServerFacts check_servers(io::Connection& source, io::Connection& target, const Options& options,
                          const io::Interrupt& interrupt);

/// What a stream's index builds may use. Units: kB.
std::int64_t maintenance_share_kb(io::Connection& target, int streams);

/// Throws: io::Error (no_go) if the target can't do what --toast-compression asks for.
void check_compression(io::Connection& target, const Options& options);

/// Throws: io::Error (no_go) if this is not the database that the job copies from.
void check_same_source(io::Connection& source, const snapshot::JobRecord& record);
/// The parts of it that concern one server.
ServerFacts check_source(io::Connection& source, const io::Interrupt& interrupt);
/// encoding: in which rows come. tablespaces: those that the source uses.
ServerFacts check_target(io::Connection& target, const std::string& encoding,
                         const std::vector<std::string>& tablespaces, int jobs);
void check_version(const io::Connection& connection);

/// What the target must have; with names of relations if the options choose some.
snapshot::SourceNeeds needs_of(io::Connection& source, const Options& options);

/// The part of the source's catalog that a run with these options is judged by.
snapshot::Catalog catalog_to_judge(io::Connection& source, const Options& options,
                                   const std::vector<snapshot::Oid>& chosen);

/// Everything else about the servers. check_target_empty: false once a job has begun.
std::vector<Hazard> find_hazards(io::Connection& source, io::Connection& target,
                                 const Options& options, const snapshot::Catalog& catalog,
                                 const snapshot::SourceNeeds& needs, bool check_target_empty);

/// The parts of it that concern one server.
std::vector<Hazard> source_hazards(io::Connection& source, const Options& options,
                                   const snapshot::Catalog& catalog);
std::vector<Hazard> target_hazards(io::Connection& target, const snapshot::SourceNeeds& needs,
                                   const Options& options, bool check_target_empty);

/// What capture will meet on the source: rights, prepared transactions, what it can't see.
std::vector<Hazard> capture_hazards(io::Connection& source, const snapshot::Catalog& catalog);

/// What the plan itself shows.
std::vector<Hazard> plan_hazards(const snapshot::Plan& plan, int source_major);

/// Throws: io::Error (no_go) with all no-go hazards in one message.
void refuse_if_no_go(const std::vector<Hazard>& hazards);

/// Keeps them in the journal, in place of those that were noted on this topic before.
void note_hazards(snapshot::Journal& journal, const std::string& topic,
                  const std::vector<Hazard>& hazards);

const char* name_of(Hazard::Weight weight);

}  // namespace pghaul::cmd
