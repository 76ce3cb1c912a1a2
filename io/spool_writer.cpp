#include "io/spool_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "io/error.hpp"
#include "io/pack.hpp"

namespace pghaul::io {
namespace {

namespace fs = std::filesystem;

Error cannot(const std::string& what, const std::string& path) {
    const int reason = errno;
    Error error("cannot " + what + " " + path + ": " + std::strerror(reason));
    error.hint(reason == ENOSPC || reason == EDQUOT ? "free space there, then run again"
                                                    : "may this user write there?");
    return error;
}

/// A rename is on the disk when its folder is.
void sync_folder_of(const std::string& path) {
    const auto folder = fs::path(path).parent_path();
    const std::string name = folder.empty() ? "." : folder.string();
    const FileDescriptor fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) throw cannot("sync", name);
}

}  // namespace

SpoolWriter::SpoolWriter(std::string path, const SpoolId& id)
    : path_(std::move(path)), unsealed_(path_ + std::string(kUnsealed)), header_(spool_header(id)) {
    // Rows are nobody else's business.
    file_ = FileDescriptor(
        ::open(unsealed_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file_) throw cannot("create", unsealed_);
    try {
        write(header_);
    } catch (...) {
        ::unlink(unsealed_.c_str());
        throw;
    }
}

SpoolWriter::~SpoolWriter() {
    if (!sealed_) ::unlink(unsealed_.c_str());
}

void SpoolWriter::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto put = ::write(file_.get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) throw cannot("write", unsealed_);
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

void SpoolWriter::append(std::string_view packed) {
    const auto header = read_pack_header(packed);
    write(packed);
    ++totals_.blocks;
    totals_.raw_bytes += header.raw_bytes;
    totals_.packed_bytes += packed.size();
    totals_.checksum = next_checksum(totals_.checksum, header.checksum);
}

void SpoolWriter::seal(std::uint64_t rows, bool sync) {
    totals_.rows = rows;
    write(spool_footer(header_, totals_));
    if (sync && ::fdatasync(file_.get()) != 0) throw cannot("sync", unsealed_);
    if (std::rename(unsealed_.c_str(), path_.c_str()) != 0) throw cannot("rename", unsealed_);
    sealed_ = true;
    if (sync) sync_folder_of(path_);
}

int remove_unsealed(const std::string& folder) {
    int removed = 0;
    std::error_code fault;
    for (const auto& entry : fs::directory_iterator(folder, fault)) {
        if (!entry.path().string().ends_with(kUnsealed)) continue;
        if (::unlink(entry.path().c_str()) != 0) throw cannot("remove", entry.path().string());
        ++removed;
    }
    if (fault) {
        throw Error("cannot read the folder " + folder + ": " + fault.message())
            .hint("does the spool's folder exist, and may this user read it?");
    }
    return removed;
}

}  // namespace pghaul::io
