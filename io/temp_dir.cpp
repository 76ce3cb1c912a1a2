#include "io/temp_dir.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "io/error.hpp"

namespace pghaul::io {

namespace {

constexpr std::string_view kPrefix = "pghaul-run-";

/// Opens a folder of ours and locks it; empty if it is not ours, or another has locked it.
FileDescriptor lock_folder(const std::filesystem::path& folder, int flags) {
    FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    const bool locked = fd && ::fstat(fd.get(), &info) == 0 && info.st_uid == ::geteuid() &&
                        ::flock(fd.get(), LOCK_EX | flags) == 0;
    return locked ? std::move(fd) : FileDescriptor();
}

void remove_leftovers(const std::string& base) {
    std::error_code ignored;
    for (std::filesystem::directory_iterator at(base, ignored), end; at != end;
         at.increment(ignored)) {
        if (!at->path().filename().string().starts_with(kPrefix)) continue;
        if (const auto lock = lock_folder(at->path(), LOCK_NB)) {
            std::filesystem::remove_all(at->path(), ignored);
        }
    }
}

}  // namespace

TempDir::TempDir() {
    const char* set = std::getenv("TMPDIR");
    const std::string base = set != nullptr && *set != '\0' ? set : "/tmp";
    remove_leftovers(base);
    // One that is not locked yet may be taken for a leftover: then it is gone once we have the
    // lock.
    while (!std::filesystem::exists(dir_)) {
        std::string pattern = base + "/" + std::string(kPrefix) + "XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr) {
            throw Error("cannot create a folder " + pattern + ": " + std::strerror(errno))
                .hint("point TMPDIR at a folder that can be written");
        }
        dir_ = pattern;
        lock_ = lock_folder(dir_, 0);
    }
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
}

std::string TempDir::write(const std::string& name, std::string_view content) const {
    const std::string target = path(name);
    const FileDescriptor file(
        ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
    std::size_t done = 0;
    while (file && done < content.size()) {
        const auto written = ::write(file.get(), content.data() + done, content.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) break;
        done += static_cast<std::size_t>(written);
    }
    if (!file || done < content.size()) {
        throw Error("cannot write " + target + ": " + std::strerror(errno))
            .hint("free disk space there or point TMPDIR elsewhere");
    }
    return target;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Error("cannot read " + path + ": " + std::strerror(errno));
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace pghaul::io
