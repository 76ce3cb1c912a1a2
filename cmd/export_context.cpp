#include "cmd/export_context.hpp"

#include "cmd/export_image.hpp"

namespace pghaul::cmd {

ExportContext::ExportContext(const Options& chosen, io::Interrupt& stop, io::RunProgress& counters)
    : options(chosen),
      interrupt(stop),
      progress(counters),
      deadline(options),
      source(io::ConnInfo::parse(options.source)),
      session_job(export_sessions(options.job)),
      capture(!options.no_capture),
      threads(tbb::global_control::max_allowed_parallelism,
              static_cast<std::size_t>(2 * options.jobs + 1)),
      folder(options.folder) {}

io::Connection ExportContext::open(const std::string& role) const {
    return io::Connection::open(source, {session_job, role, "UTF8", std::chrono::seconds(60), {}},
                                interrupt);
}

bool ExportContext::complete() const {
    if (plan.snapshots.empty()) return false;
    const auto there = sealed.chunks.size() + sealed.large_objects.size();
    return there == static_cast<std::size_t>(plan.plan.total_chunks());
}

snapshot::LoadedChunks ExportContext::done_so_far() const {
    snapshot::LoadedChunks done;
    for (const auto& [chunk, file] : sealed.chunks) done.tables.insert(chunk);
    for (const auto& [part, file] : sealed.large_objects) done.large_objects.insert(part);
    return done;
}

}  // namespace pghaul::cmd
