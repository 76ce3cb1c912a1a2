#include "io/spool_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "io/error.hpp"
#include "io/pack.hpp"

namespace pghaul::io {

SpoolReader::SpoolReader(std::string path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat about {};
    if (!file_ || ::fstat(file_.get(), &about) != 0) {
        throw Error("cannot read the spool file " + path_ + ": " + std::strerror(errno))
            .hint("its rows are read from the source again");
    }
    const auto size = static_cast<std::uint64_t>(about.st_size);
    if (size < kSpoolHeaderBytes + kSpoolFooterBytes) throw damaged("it is cut off");
    std::string header(kSpoolHeaderBytes, '\0');
    std::string footer(kSpoolFooterBytes, '\0');
    read_at(0, header.data(), header.size());
    read_at(size - kSpoolFooterBytes, footer.data(), footer.size());
    try {
        id_ = read_spool_header(header);
        totals_ = read_spool_footer(header, footer);
    } catch (Error& error) {
        error.context(path_);
        throw;
    }
    if (kSpoolHeaderBytes + totals_.packed_bytes + kSpoolFooterBytes != size) {
        throw damaged("its size is not what its footer says");
    }
}

Error SpoolReader::damaged(const std::string& what) const {
    return Error("spool file is damaged: " + what)
        .context(path_)
        .hint("remove the file; its rows are read from the source again");
}

void SpoolReader::read_at(std::uint64_t offset, char* to, std::size_t size) const {
    while (size > 0) {
        const auto got = ::pread(file_.get(), to, size, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            throw Error("cannot read " + path_ + ": " + std::strerror(errno))
                .hint("look into the system's log for errors of that disk");
        }
        if (got == 0) throw damaged("it has become shorter");
        to += got;
        offset += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
}

PackHeader SpoolReader::header_of(std::string_view bytes) const {
    try {
        return read_pack_header(bytes);
    } catch (Error& error) {
        error.context(path_);
        throw;
    }
}

bool SpoolReader::read(Block& block) {
    const std::uint64_t end = kSpoolHeaderBytes + totals_.packed_bytes;
    if (offset_ == end) {
        seen_.rows = totals_.rows;
        if (!(seen_ == totals_)) throw damaged("its blocks are not those of its footer");
        return false;
    }
    if (end - offset_ < kPackHeaderBytes) throw damaged("a block is cut off");
    block.bytes.resize(kPackHeaderBytes);
    read_at(offset_, block.bytes.data(), kPackHeaderBytes);
    const auto header = header_of({block.bytes.data(), kPackHeaderBytes});
    const std::uint64_t size = kPackHeaderBytes + header.packed_bytes;
    if (end - offset_ < size) throw damaged("a block is cut off");
    block.bytes.resize(size);
    read_at(offset_ + kPackHeaderBytes, block.bytes.data() + kPackHeaderBytes, header.packed_bytes);
    offset_ += size;
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
    } catch (Error& error) {
        error.context(path_);
        throw;
    }
}

}  // namespace pghaul::io
