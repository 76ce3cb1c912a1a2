#include "io/spool_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "io/pack.hpp"

namespace pghaul::io {
namespace {

namespace fs = std::filesystem;

SpoolUnwritable cannot(const std::string& what, const std::string& path, int reason) {
    SpoolUnwritable error("cannot " + what + " " + path + ": " + std::strerror(reason));
    error.hint(reason == ENOSPC || reason == EDQUOT
                   ? "free space in that folder; what is loaded stays loaded"
                   : "may this user write in that folder, and is its disk well?");
    return error;
}

/// A rename is on the disk when its folder is.
void sync_folder_of(const std::string& path) {
    const auto folder = fs::path(path).parent_path();
    const std::string name = folder.empty() ? "." : folder.string();
    const FileDescriptor fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) throw cannot("sync", name, errno);
}

}  // namespace

SpoolWriter::SpoolWriter(std::string path, const SpoolId& id, Ring::Engine engine)
    : path_(std::move(path)),
      unsealed_(path_ + std::string(kUnsealed)),
      header_(spool_header(id)),
      ring_(kSpoolBuffers, kSpoolBufferBytes, engine) {
    // Rows are nobody else's business.
    file_ = FileDescriptor(
        ::open(unsealed_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file_) throw cannot("create", unsealed_, errno);
    ring_.go_direct(file_.get(), true);
    put(header_);
}

SpoolWriter::~SpoolWriter() {
    if (!sealed_) ::unlink(unsealed_.c_str());
}

void SpoolWriter::put(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = std::min(bytes.size(), ring_.buffer_bytes() - filled_);
        std::memcpy(ring_.buffer(current_) + filled_, bytes.data(), count);
        filled_ += count;
        bytes.remove_prefix(count);
        if (filled_ == ring_.buffer_bytes()) write_buffer();
    }
}

/// Hands the current buffer to the disk and waits until the one after it is free.
void SpoolWriter::write_buffer() {
    ring_.write(current_, file_.get(), filled_, written_);
    written_ += filled_;
    filled_ = 0;
    current_ = (current_ + 1) % ring_.buffers();
    await(current_);
}

void SpoolWriter::await(std::size_t number) {
    const auto done = ring_.await(number);
    if (done < 0) throw cannot("write", unsealed_, static_cast<int>(-done));
}

void SpoolWriter::append(std::string_view packed) {
    const auto header = read_pack_header(packed);
    put(packed);
    ++totals_.blocks;
    totals_.raw_bytes += header.raw_bytes;
    totals_.packed_bytes += packed.size();
    totals_.checksum = next_checksum(totals_.checksum, header.checksum);
}

void SpoolWriter::seal(std::uint64_t rows, bool sync) {
    totals_.rows = rows;
    put(spool_footer(header_, totals_));
    for (std::size_t i = 0; i < ring_.buffers(); ++i) await(i);
    ring_.go_direct(file_.get(), false);  // the rest is no whole number of disk blocks
    write_buffer();
    for (std::size_t i = 0; i < ring_.buffers(); ++i) await(i);
    if (sync && ::fdatasync(file_.get()) != 0) throw cannot("sync", unsealed_, errno);
    if (std::rename(unsealed_.c_str(), path_.c_str()) != 0) {
        throw cannot("rename", unsealed_, errno);
    }
    sealed_ = true;
    if (sync) sync_folder_of(path_);
}

int remove_unsealed(const std::string& folder) {
    int removed = 0;
    std::error_code fault;
    for (const auto& entry : fs::directory_iterator(folder, fault)) {
        if (!entry.path().string().ends_with(kUnsealed)) continue;
        if (::unlink(entry.path().c_str()) != 0)
            throw cannot("remove", entry.path().string(), errno);
        ++removed;
    }
    if (fault) {
        throw Error("cannot read the folder " + folder + ": " + fault.message())
            .hint("does the spool's folder exist, and may this user read it?");
    }
    return removed;
}

}  // namespace pghaul::io
