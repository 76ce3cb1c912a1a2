#include "cmd/spool.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cmd/format.hpp"
#include "cmd/job_claim.hpp"
#include "cmd/retry.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {
namespace {

// Enough that a source of some hundred GB gets well ahead, and little beside the databases.
constexpr std::int64_t kSpoolBytes = std::int64_t{10} << 30;

/// Absolute: another process may be told of it.
std::string base_folder(const Options& options) {
    // Not /tmp, which is memory in many places.
    const char* set = std::getenv("TMPDIR");
    const std::string base = !options.spool_dir.empty()       ? options.spool_dir
                             : set != nullptr && *set != '\0' ? set
                                                              : "/var/tmp";
    return std::filesystem::absolute(base).lexically_normal().string();
}

/// Units: bytes.
std::int64_t limit(const Options& options) {
    if (options.spool_bytes) return *options.spool_bytes;
    std::error_code ignored;
    const auto room = std::filesystem::space(base_folder(options), ignored).available;
    if (ignored) return 0;
    return std::min(kSpoolBytes, static_cast<std::int64_t>(room / 2));
}

/// Returns false if it can't be removed.
bool forget(const loader::SpoolFolder& folder, ForgottenSpools& forgotten) {
    try {
        if (folder.remove()) forgotten.removed.push_back(folder.path());
        return true;
    } catch (const io::Error& error) {
        spdlog::warn("{}", error.report());
        return false;
    }
}

std::string bytes_text(std::int64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

void say_what_goes_directly(const snapshot::Plan& plan, std::int64_t limit_bytes) {
    std::int64_t larger = 0;
    for (const auto& table : plan.tables) {
        larger += std::count_if(table.chunks.begin(), table.chunks.end(),
                                [&](const auto& chunk) { return chunk.bytes > limit_bytes; });
    }
    if (larger == 0) return;
    spdlog::warn(
        "{} of {} chunks are larger than the {} of the spool and go to the target directly\n"
        "HINT: raise --spool-size or lower --chunk-size",
        larger, plan.total_chunks(), bytes_text(limit_bytes));
}

}  // namespace

loader::SpoolFolder spool_folder(const Options& options, const std::string& job_id) {
    return {base_folder(options), job_id};
}

loader::SpoolFiles spooled_earlier(RunContext& run, const snapshot::LoadedChunks& loaded,
                                   bool may_mix) {
    const auto folder = spool_folder(run.options, run.job_id);
    run.progress.spool_bytes = 0;
    const auto plan = run.journal.read_plan_if_any();
    if (run.options.restart_copy || plan.tables.empty()) {
        folder.remove();
        return {};
    }
    auto files = folder.adopt(plan, loaded, run.journal.snapshots());
    if (files.empty()) return files;
    const bool all = static_cast<std::int64_t>(files.size()) == run.journal.missing_chunks();
    if (loaded.empty() && !may_mix && !all) {
        // Nothing is loaded, so the copy can begin anew, as of one moment.
        folder.remove();
        return {};
    }
    std::int64_t bytes = 0;
    for (const auto& [key, file] : files) bytes += file.bytes;
    run.progress.spool_bytes = bytes;
    spdlog::info("{} chunks were read already and wait in {} ({})", files.size(), folder.path(),
                 bytes_text(bytes));
    return files;
}

loader::SpoolRules spool_rules(RunContext& run, loader::SpoolFiles files) {
    loader::SpoolRules rules{run.options.spool, run.options.jobs, limit(run.options),
                             std::move(files)};
    if (rules.mode == loader::SpoolMode::always) {
        const auto folder = spool_folder(run.options, run.job_id);
        retry(run, "spool",
              [&] { note_spool(run.journal.connection(), run.options, rules.limit_bytes); });
        folder.make();
        spdlog::info("rows go through files in {}, {} at most", folder.path(),
                     bytes_text(rules.limit_bytes));
        say_what_goes_directly(run.plan, rules.limit_bytes);
    }
    // No room at all: nobody is to wait for files that never come.
    if (rules.limit_bytes == 0) rules.mode = loader::SpoolMode::never;
    if (rules.mode == loader::SpoolMode::never) rules.readers = 0;
    return rules;
}

void note_spool(io::Connection& target, const Options& options, std::int64_t limit_bytes) {
    snapshot::note_spool(target, options.job, {host_name(), base_folder(options), limit_bytes});
}

ForgottenSpools forget_spools(snapshot::Journal& journal, const Options& options,
                              const std::string& job_id) {
    ForgottenSpools forgotten;
    forget(spool_folder(options, job_id), forgotten);
    for (const auto& note : snapshot::spool_notes(journal.connection(), journal.job())) {
        if (note.host != host_name()) {
            forgotten.elsewhere.push_back(note);
        } else if (forget({note.base, job_id}, forgotten)) {
            snapshot::forget_spool_note(journal.connection(), journal.job(), note);
        }
    }
    return forgotten;
}

}  // namespace pghaul::cmd
