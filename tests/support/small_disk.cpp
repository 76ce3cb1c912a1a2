#include "tests/support/small_disk.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "tests/support/process.hpp"

namespace pghaul::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

SmallDisk::SmallDisk(const std::string& size) {
    std::string folder = (fs::temp_directory_path() / "pghaul-disk-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) {
        why_ = std::strerror(errno);
        return;
    }
    folder_ = folder;
    fs::permissions(folder_, fs::perms::all);
    mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
               ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    if (!mounted_) why_ = std::strerror(errno);
}

SmallDisk::~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
    ::rmdir(folder_.c_str());
}

void SmallDisk::grow(const std::string& size) const {
    if (::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()) != 0) {
        throw std::runtime_error(std::string("cannot grow a tmpfs: ") + std::strerror(errno));
    }
}

void SmallDisk::fill(std::uintmax_t bytes_left) const {
    const auto room = fs::space(folder_).available;
    if (room <= bytes_left) return;
    const FileDescriptor file(
        ::open(ballast().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
    const auto size = static_cast<off_t>(room - bytes_left);
    // A server that writes meanwhile may have taken some of it.
    if (file.get() < 0 || (::fallocate(file.get(), 0, 0, size) != 0 && errno != ENOSPC)) {
        throw std::runtime_error(std::string("cannot fill a tmpfs: ") + std::strerror(errno));
    }
}

void SmallDisk::free() const {
    std::error_code ignored;
    fs::remove(ballast(), ignored);
}

void move_wal(Cluster& cluster, const std::string& to) {
    cluster.stop_fast();
    int code = 0;
    const auto said =
        run_command({"sh", "-c", "mv \"$1/pg_wal\" \"$2\" && ln -s \"$2\" \"$1/pg_wal\"", "sh",
                     cluster.data_dir(), to},
                    &code);
    if (code != 0) throw std::runtime_error("cannot move WAL: " + said);
    cluster.start();
}

}  // namespace pghaul::test
