#include "io/spool_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/pack.hpp"
#include "io/spool_writer.hpp"

namespace pghaul::io {

SpoolReader::SpoolReader(std::string path, Ring::Engine engine)
    : path_(std::move(path)), engine_(engine) {
    try {
        open();
    } catch (SpoolDamaged&) {
        throw;
    } catch (const Error& error) {
        throw damaged(error);
    }
    offset_ = kSpoolHeaderBytes;
}

void SpoolReader::open() {
    file_ = FileDescriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat about {};
    if (!file_ || ::fstat(file_.get(), &about) != 0) throw unreadable(errno);
    const auto size = static_cast<std::uint64_t>(about.st_size);
    if (size < kSpoolHeaderBytes + kSpoolFooterBytes) throw damaged("it is cut off");
    const auto header = read_small(0, kSpoolHeaderBytes);
    const auto footer = read_small(size - kSpoolFooterBytes, kSpoolFooterBytes);
    id_ = read_spool_header(header);
    totals_ = read_spool_footer(header, footer);
    end_ = kSpoolHeaderBytes + totals_.packed_bytes;
    if (file_bytes() != size) throw damaged("its size is not what its footer says");
}

SpoolDamaged SpoolReader::damaged(const std::string& what) const {
    SpoolDamaged error("spool file is damaged: " + what);
    error.context(path_).hint("remove the file; its rows are read from the source again");
    return error;
}

/// What its parts say of themselves, as the file's own error.
SpoolDamaged SpoolReader::damaged(const Error& part) const {
    SpoolDamaged error(part.what());
    error.context(path_).hint(part.hint());
    return error;
}

SpoolDamaged SpoolReader::unreadable(int reason) const {
    SpoolDamaged error("cannot read the spool file " + path_ + ": " + std::strerror(reason));
    error.hint(reason == ENOENT ? "its rows are read from the source again"
                                : "look into the system's log for errors of that disk");
    return error;
}

std::string SpoolReader::read_small(std::uint64_t offset, std::size_t size) const {
    std::string bytes(size, '\0');
    for (std::size_t done = 0; done < size;) {
        const auto got = ::pread(file_.get(), bytes.data() + done, size - done,
                                 static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw unreadable(errno);
        if (got == 0) throw damaged("it has become shorter");
        done += static_cast<std::size_t>(got);
    }
    return bytes;
}

/// Has the next part of the file read into a buffer whose content is used up.
void SpoolReader::ask(std::size_t number) {
    if (asked_ >= end_) return;
    ring_->read(number, file_.get(), ring_->buffer_bytes(), asked_);
    asked_ += ring_->buffer_bytes();
}

/// Requires: the file has that much before its end.
void SpoolReader::take(char* to, std::size_t size) {
    if (!ring_) {
        ring_.emplace(kSpoolBuffers, kSpoolBufferBytes, engine_);
        ring_->go_direct(file_.get(), true);
        for (std::size_t i = 0; i < ring_->buffers(); ++i) ask(i);
    }
    const std::uint64_t buffer_bytes = ring_->buffer_bytes();
    while (size > 0) {
        const std::size_t number = offset_ / buffer_bytes % ring_->buffers();
        const std::size_t place = offset_ % buffer_bytes;
        const auto filled = ring_->await(number);
        if (filled < 0) throw unreadable(static_cast<int>(-filled));
        if (static_cast<std::size_t>(filled) <= place) throw damaged("it has become shorter");
        const auto count = std::min(size, static_cast<std::size_t>(filled) - place);
        std::memcpy(to, ring_->buffer(number) + place, count);
        to += count;
        size -= count;
        offset_ += count;
        if (offset_ % buffer_bytes == 0) ask(number);
    }
}

bool SpoolReader::read(Block& block) {
    if (offset_ == end_) {
        seen_.rows = totals_.rows;
        if (!(seen_ == totals_)) throw damaged("its blocks are not those of its footer");
        return false;
    }
    if (end_ - offset_ < kPackHeaderBytes) throw damaged("a block is cut off");
    block.bytes.resize(kPackHeaderBytes);
    take(block.bytes.data(), kPackHeaderBytes);
    PackHeader header;
    try {
        header = read_pack_header({block.bytes.data(), kPackHeaderBytes});
    } catch (const Error& error) {
        throw damaged(error);
    }
    if (end_ - offset_ < header.packed_bytes) throw damaged("a block is cut off");
    const std::uint64_t size = kPackHeaderBytes + header.packed_bytes;
    block.bytes.resize(size);
    take(block.bytes.data() + kPackHeaderBytes, header.packed_bytes);
    ++seen_.blocks;
    seen_.raw_bytes += header.raw_bytes;
    seen_.packed_bytes += size;
    seen_.checksum = next_checksum(seen_.checksum, header.checksum);
    return true;
}

void SpoolReader::unpack(Block& block, std::vector<char>& spare) const {
    spare.swap(block.bytes);
    try {
        io::unpack({spare.data(), spare.size()}, block);
    } catch (const Error& error) {
        throw damaged(error);
    }
}

}  // namespace pghaul::io
