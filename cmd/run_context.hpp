// What the parts of a run share: what the user wants, the two servers, the journal, the plan. Owned
// by the run (haul.cpp); every part gets it by reference and keeps nothing of it.
// Not for: what one part alone needs; that stays in its file.
// Thread: the run's main thread; streams may call open_source() and open_target().
#pragma once

#include <oneapi/tbb/global_control.h>

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cmd/deadline.hpp"
#include "cmd/hazards.hpp"
#include "cmd/options.hpp"
#include "delta/names.hpp"
#include "delta/target_guards.hpp"
#include "io/agent_session.hpp"
#include "io/connection.hpp"
#include "io/conninfo.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"
#include "loader/export_files.hpp"
#include "loader/schema_dump.hpp"
#include "snapshot/journal.hpp"
#include "snapshot/phase.hpp"
#include "snapshot/plan.hpp"

namespace pghaul::cmd {

struct RunContext {
    /// Opens the journal's session on the target; makes nothing. Throws: io::Error.
    RunContext(const Options& chosen, io::Interrupt& stop, io::RunProgress& counters);

    const Options& options;
    io::Interrupt& interrupt;
    io::RunProgress& progress;
    /// When the run must end tidily, if it must.
    const Deadline deadline;
    const io::ConnInfo source;
    const io::ConnInfo target;
    snapshot::Journal journal;

    /// Streams' and spool readers' threads and one worker beside each, and the main thread.
    const tbb::global_control threads;

    // Known once the job is claimed (job_claim.hpp).
    ServerFacts facts;
    snapshot::Phase phase = snapshot::Phase::created;
    /// True if an earlier run began the job.
    bool resumed = false;
    /// True if the job captures changes.
    bool capture = false;
    /// True if the target has taken over: it is not to be touched any more.
    bool cut_over = false;
    /// Tells the job from another of the same name.
    std::string job_id;
    /// How agents are started; only with --source-via, while rows are to be brought (via.hpp).
    std::optional<io::AgentCommand> via;
    /// The export whose files are read instead of the source; only in an import.
    const loader::ExportFiles* files = nullptr;
    /// Where capture lives on the source; known once it is installed (live.hpp).
    std::optional<delta::CaptureSite> site;
    /// How changes may be applied on the target; known once that has begun (live.hpp).
    std::optional<delta::ApplyMode> apply_mode;

    /// The source's tables as the check before the copy saw them; the copy takes them.
    std::vector<snapshot::TableInfo> tables_seen;

    // Known once the copy has begun, or read back from the journal.
    snapshot::Plan plan;
    /// pg_dump's archive of the schema as of the plan; read with archive().
    std::string schema_archive;
    /// What that holds for after the rows, if this run has listed it.
    std::optional<std::vector<loader::TocLine>> post_data;

    /// Partitioned tables that have had their statistics in this run, quoted.
    std::set<std::string> analyzed;

    const std::string& archive();
    /// Moves the job on: in the journal first, then here.
    void advance(snapshot::Phase next);

    io::Connection open_source(const std::string& role, std::chrono::milliseconds lock_timeout =
                                                            std::chrono::seconds(60)) const;
    io::Connection open_target(const std::string& role) const;
    loader::SchemaOptions schema_options() const;
    snapshot::JobTicket ticket(int snapshot_number = 0) const;
    bool time_is_up() const { return deadline.passed(); }
};

/// Ends the run because its time is up. Throws: io::Error (stopped), always.
[[noreturn]] void stop_early(RunContext& run);

}  // namespace pghaul::cmd
