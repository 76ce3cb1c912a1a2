#include "io/durable_file.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "io/error.hpp"
#include "io/file_descriptor.hpp"
#include "io/spool_format.hpp"

namespace pghaul::io {
namespace {

Error cannot(const std::string& what, const std::string& path) {
    const int reason = errno;
    Error error("cannot " + what + " " + path + ": " + std::strerror(reason));
    error.hint(reason == ENOSPC || reason == EDQUOT ? "free space there, then run again"
                                                    : "may this user write there?");
    return error;
}

FileDescriptor open_folder(const std::string& folder) {
    FileDescriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) throw cannot("open", folder);
    return fd;
}

void write_all(int fd, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        const auto put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throw cannot("write", path);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

}  // namespace

void write_durably(const std::string& path, std::string_view content) {
    const std::string part = path + std::string(kUnsealed);
    const FileDescriptor file(
        ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) throw cannot("create", part);
    try {
        write_all(file.get(), content, part);
        if (::fdatasync(file.get()) != 0) throw cannot("sync", part);
        if (std::rename(part.c_str(), path.c_str()) != 0) throw cannot("rename", part);
    } catch (...) {
        ::unlink(part.c_str());
        throw;
    }
    const auto folder = std::filesystem::path(path).parent_path();
    sync_folder(folder.empty() ? "." : folder.string());
}

void sync_folder(const std::string& folder) {
    if (::fsync(open_folder(folder).get()) != 0) throw cannot("sync", folder);
}

void sync_file_system(const std::string& folder) {
    if (::syncfs(open_folder(folder).get()) != 0) throw cannot("sync", folder);
}

std::string checksum_text(std::string_view bytes) {
    return checksum_text(XXH3_64bits(bytes.data(), bytes.size()));
}

std::string checksum_text(std::uint64_t checksum) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(checksum >> shift) & 15];
    return text;
}

}  // namespace pghaul::io
