#include "cmd/export_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "io/durable_file.hpp"
#include "io/error.hpp"
#include "io/spool_writer.hpp"
#include "io/temp_dir.hpp"

namespace pghaul::cmd {
namespace {

namespace fs = std::filesystem;
using io::Error;
using io::ExitCode;

constexpr std::size_t kFaultsNamed = 10;

bool belongs_to_export(const std::string& name) {
    return name.ends_with(".rows") || name == loader::kPlanFile || name == loader::kSchemaFile ||
           name == loader::kManifestFile;
}

void refuse_other_files(const std::string& folder) {
    for (const auto& entry : fs::directory_iterator(folder)) {
        const auto name = entry.path().filename().string();
        // An empty disk is no empty folder.
        if (name == "lost+found" || name.ends_with(io::kUnsealed)) continue;
        throw Error(fmt::format("{} is not empty and holds no export: {}", folder, name))
            .exit_code(ExitCode::no_go)
            .hint("give an empty folder, or one that does not exist");
    }
}

template <typename Read>
auto naming(const std::string& name, Read read) {
    try {
        return read();
    } catch (Error& error) {
        if (error.context().empty()) error.context(name);
        if (error.hint().empty()) {
            error.hint("bring that file anew from where the export was made, or export anew");
        }
        throw;
    }
}

/// Throws: io::Error where that can't even be told.
bool is_there(const std::string& path) {
    std::error_code fault;
    const bool there = fs::exists(path, fault);
    if (fault)
        throw Error("cannot look at " + path + ": " + fault.message())
            .hint("may this user read that folder?");
    return there;
}

std::string read_checked(const std::string& path, const std::string& checksum) {
    return naming(path, [&] {
        if (!is_there(path)) throw Error("the export's file is missing");
        auto text = io::read_file(path);
        if (io::checksum_text(text) != checksum) throw Error("the export's file is damaged");
        return text;
    });
}

void refuse_faults(const std::vector<std::string>& faults) {
    if (faults.empty()) return;
    std::string text;
    for (std::size_t i = 0; i < faults.size() && i < kFaultsNamed; ++i) {
        text += (i == 0 ? "" : "; ") + faults[i];
    }
    if (faults.size() > kFaultsNamed) {
        text += fmt::format("; and {} more", faults.size() - kFaultsNamed);
    }
    throw Error(text).hint(
        "bring these files anew from where the export was made, or export anew; nothing was "
        "loaded");
}

}  // namespace

ExportFolder::ExportFolder(const std::string& folder) {
    std::error_code fault;
    fs::create_directories(fs::path(folder).parent_path(), fault);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        throw Error("cannot make the folder " + folder + ": " + std::strerror(errno))
            .exit_code(ExitCode::usage)
            .hint("name a folder that this user may make");
    }
    lock_ = io::FileDescriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock_) {
        throw Error("cannot open the folder " + folder + ": " + std::strerror(errno))
            .exit_code(ExitCode::usage)
            .hint("name a folder that this user may read and write");
    }
    if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
        throw Error("another export writes to " + folder)
            .exit_code(ExitCode::stopped)
            .hint("wait for it, or name another folder");
    }
    path_ = fs::canonical(folder).string();
    if (!is_there(file(loader::kJobFile))) refuse_other_files(path_);
    // What is in it are users' rows, whoever made the folder.
    ::chmod(path_.c_str(), 0700);
    io::remove_unsealed(path_);
}

std::optional<std::string> ExportFolder::read(const char* name) const {
    if (!is_there(file(name))) return std::nullopt;
    return io::read_file(file(name));
}

std::optional<snapshot::JobNote> ExportFolder::note() const {
    const auto text = read(loader::kJobFile);
    if (!text) return std::nullopt;
    return naming(file(loader::kJobFile), [&] { return snapshot::job_note_from_json(*text); });
}

std::optional<snapshot::ExportPlan> ExportFolder::plan() const {
    const auto text = read(loader::kPlanFile);
    if (!text) return std::nullopt;
    return naming(file(loader::kPlanFile), [&] { return snapshot::export_plan_from_json(*text); });
}

std::optional<snapshot::Manifest> ExportFolder::manifest() const {
    const auto text = read(loader::kManifestFile);
    if (!text) return std::nullopt;
    return naming(file(loader::kManifestFile), [&] { return snapshot::manifest_from_json(*text); });
}

void ExportFolder::begin(const snapshot::JobNote& note) const {
    // First: from here on the earlier files are of another export, whatever a crash leaves of them.
    io::write_durably(file(loader::kJobFile), to_json(note));
    std::vector<fs::path> old;
    for (const auto& entry : fs::directory_iterator(path_)) {
        if (belongs_to_export(entry.path().filename().string())) old.push_back(entry.path());
    }
    for (const auto& path : old) fs::remove(path);
}

void ExportFolder::store_schema(const std::string& archive) const {
    io::write_durably(file(loader::kSchemaFile), archive);
}

void ExportFolder::store_plan(const snapshot::ExportPlan& plan) const {
    io::write_durably(file(loader::kPlanFile), to_json(plan));
}

void ExportFolder::finish(snapshot::Manifest manifest) const {
    io::sync_file_system(path_);
    manifest.plan_checksum = io::checksum_text(io::read_file(file(loader::kPlanFile)));
    manifest.schema_checksum = io::checksum_text(io::read_file(file(loader::kSchemaFile)));
    io::write_durably(file(loader::kManifestFile), to_json(manifest));
}

Exported read_export(const std::string& folder) {
    Exported exported;
    exported.folder = folder;
    const auto path = [&](const char* name) { return folder + "/" + name; };
    if (!is_there(path(loader::kManifestFile))) {
        const bool begun = is_there(path(loader::kJobFile));
        throw Error(begun ? "the export in " + folder + " is not finished: it has no manifest.json"
                          : folder + " holds no export: it has no manifest.json")
            .hint(begun ? "run the same pghaul export again to finish it, or bring manifest.json"
                        : "name the folder that pghaul export has filled");
    }
    exported.manifest = naming(path(loader::kManifestFile), [&] {
        return snapshot::manifest_from_json(io::read_file(path(loader::kManifestFile)));
    });
    exported.schema = read_checked(path(loader::kSchemaFile), exported.manifest.schema_checksum);
    const auto plan = read_checked(path(loader::kPlanFile), exported.manifest.plan_checksum);
    exported.plan =
        naming(path(loader::kPlanFile), [&] { return snapshot::export_plan_from_json(plan); });
    refuse_faults(loader::ExportFiles(folder, exported.manifest).faults(exported.plan.plan));
    return exported;
}

}  // namespace pghaul::cmd
