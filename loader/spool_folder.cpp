#include "loader/spool_folder.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "io/spool_reader.hpp"
#include "io/spool_writer.hpp"
#include "loader/copy_chunk.hpp"

namespace pghaul::loader {
namespace {

namespace fs = std::filesystem;

io::SpoolUnwritable cannot(const std::string& what, const std::string& path, int reason) {
    io::SpoolUnwritable error("cannot " + what + " " + path + ": " + std::strerror(reason));
    error.hint("name a folder of your own with --spool-dir, or use --spool=never");
    return error;
}

}  // namespace

SpoolFolder::SpoolFolder(const std::string& base, std::string job_id)
    : path_((fs::path(base) / ("pghaul-spool-" + job_id)).string()), job_id_(std::move(job_id)) {}

/// Throws: io::SpoolUnwritable if it is somebody else's, who could read or change the rows.
bool SpoolFolder::is_there() const {
    struct stat about {};
    if (::lstat(path_.c_str(), &about) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return false;
        throw cannot("look at", path_, errno);
    }
    const bool ours =
        S_ISDIR(about.st_mode) && about.st_uid == ::geteuid() && (about.st_mode & 077) == 0;
    if (!ours) throw cannot("trust", path_, EPERM);
    return true;
}

void SpoolFolder::make() const {
    if (is_there()) return;
    if (::mkdir(path_.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
        throw cannot("create", path_, errno);
    }
    is_there();
}

std::string SpoolFolder::file_of(const TableChunk& one) const {
    return fmt::format("{}/{}-{}", path_, one.table->number, one.chunk->number);
}

io::SpoolId SpoolFolder::id_of(const TableChunk& one, const std::string& encoding, int number,
                               const std::string& visible) const {
    // A copy that was restarted, maybe from another host, has the same numbers again.
    const auto what = copy_out_sql(*one.table, *one.chunk) + "\n" + encoding + "\n" + visible;
    return {fmt::format("{}/{:016x}", job_id_, XXH3_64bits(what.data(), what.size())),
            static_cast<std::uint32_t>(one.table->number),
            static_cast<std::uint32_t>(one.chunk->number), static_cast<std::uint32_t>(number)};
}

SpoolFiles SpoolFolder::adopt(const snapshot::Plan& plan, const snapshot::LoadedChunks& loaded,
                              const std::map<int, std::string>& snapshots) const {
    SpoolFiles files;
    if (!is_there()) return files;
    const auto take = [&](const std::string& path) {
        const io::SpoolReader file(path);
        const auto& id = file.id();
        const auto seen = snapshots.find(static_cast<int>(id.snapshot));
        if (seen == snapshots.end() || id.table >= plan.tables.size()) return false;
        const auto& table = plan.tables[id.table];
        if (id.chunk >= table.chunks.size()) return false;
        const TableChunk one{&table, &table.chunks[id.chunk]};
        const std::pair key{table.number, one.chunk->number};
        if (path != file_of(one) || loaded.tables.contains(key) ||
            !(id == id_of(one, plan.encoding, seen->first, seen->second))) {
            return false;
        }
        files[key] = {path, seen->first, static_cast<std::int64_t>(file.file_bytes())};
        return true;
    };
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(path_)) paths.push_back(entry.path().string());
    for (const auto& path : paths) {
        try {
            if (!path.ends_with(io::kUnsealed) && take(path)) continue;
        } catch (const io::SpoolDamaged& damage) {
            spdlog::warn("{}", damage.report());
        }
        remove_file(path);
    }
    return files;
}

std::optional<SpoolFolder::Held> SpoolFolder::held() const {
    Held held;
    std::error_code fault;
    for (fs::directory_iterator at(path_, fault), end; !fault && at != end; at.increment(fault)) {
        std::error_code gone;  // loaded and removed while we look
        const auto bytes = at->file_size(gone);
        if (gone) continue;
        ++held.files;
        held.bytes += static_cast<std::int64_t>(bytes);
    }
    const bool missing = fault == std::errc::no_such_file_or_directory;
    if (fault && !missing) return std::nullopt;
    return held;
}

bool SpoolFolder::remove() const {
    if (!is_there()) return false;
    std::error_code fault;
    fs::remove_all(path_, fault);
    if (fault) throw cannot("remove", path_, fault.value());
    return true;
}

void SpoolFolder::remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw cannot("remove", path, errno);
}

}  // namespace pghaul::loader
