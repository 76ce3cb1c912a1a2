// What the parts of an export share, as run_context.hpp is for a run: what the user wants, the
// source, the folder, and what stands in it. Owned by the export (export_image.cpp); every part
// gets it by reference and keeps nothing of it.
// Thread: the main thread; streams may call open().
#pragma once

#include <oneapi/tbb/global_control.h>

#include <cstddef>
#include <optional>
#include <string>

#include "cmd/deadline.hpp"
#include "cmd/export_folder.hpp"
#include "cmd/hazards.hpp"
#include "cmd/options.hpp"
#include "delta/names.hpp"
#include "io/agent_session.hpp"
#include "io/connection.hpp"
#include "io/conninfo.hpp"
#include "io/interrupt.hpp"
#include "io/progress.hpp"
#include "loader/export_files.hpp"
#include "snapshot/export_manifest.hpp"

namespace pghaul::cmd {

struct ExportContext {
    /// Makes the folder where it is missing and holds it. Throws: io::Error.
    ExportContext(const Options& chosen, io::Interrupt& stop, io::RunProgress& counters);

    const Options& options;
    io::Interrupt& interrupt;
    io::RunProgress& progress;
    /// When it must end tidily, if it must.
    const Deadline deadline;
    const io::ConnInfo source;
    /// As which job its sessions are shown.
    const std::string session_job;
    const bool capture;
    /// Streams' threads and one worker beside each, and the main thread.
    const tbb::global_control threads;
    const ExportFolder folder;

    // Known once the folder is claimed (export_claim.hpp).
    ServerFacts facts;
    snapshot::JobNote note;
    snapshot::ExportPlan plan;
    /// What is in the folder.
    loader::SealedFiles sealed;

    /// Where capture lives on the source; known once it is installed.
    std::optional<delta::CaptureSite> site;
    /// How agents are started; only with --source-via, while rows are to be brought (via.hpp).
    std::optional<io::AgentCommand> via;

    io::Connection open(const std::string& role) const;
    /// Every chunk and every large object of the plan is sealed.
    bool complete() const;
    snapshot::LoadedChunks done_so_far() const;
};

}  // namespace pghaul::cmd
