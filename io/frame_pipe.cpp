#include "io/frame_pipe.hpp"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "io/little_endian.hpp"
#include "io/pack_format.hpp"

namespace pghaul::io {
namespace {

constexpr std::string_view kMagic = "PGHF";
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kLargestPayload = kLargestRawBytes + kPackHeaderBytes;
// A pipe holds no more at once.
constexpr std::size_t kBufferBytes = 64 * 1024;

std::array<char, kHeaderBytes> header_of(std::uint32_t kind, std::size_t payload_bytes) {
    std::array<char, kHeaderBytes> header{};
    std::copy(kMagic.begin(), kMagic.end(), header.begin());
    put_u32(header.data() + 4, kind);
    put_u32(header.data() + 8, static_cast<std::uint32_t>(payload_bytes));
    return header;
}

PipeEnded ended(const std::string& why) {
    PipeEnded error(why);
    error.retryable(true).poisons_connection(true);
    return error;
}

bool must_wait(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

std::size_t FrameReader::read_some(char* to, std::size_t size) {
    for (;;) {
        wait_(fd_, POLLIN);
        const auto got = ::read(fd_, to, size);
        if (got > 0) return static_cast<std::size_t>(got);
        if (got == 0) throw ended("the pipe has ended");
        if (!must_wait(errno)) throw ended(std::string("the pipe broke: ") + std::strerror(errno));
    }
}

void FrameReader::read_exactly(char* to, std::size_t size) {
    while (size > 0) {
        if (taken_ < buffer_.size()) {
            const std::size_t part = std::min(size, buffer_.size() - taken_);
            std::copy_n(buffer_.data() + taken_, part, to);
            taken_ += part;
            to += part;
            size -= part;
            continue;
        }
        // What is larger than the buffer goes straight to its place.
        if (size >= kBufferBytes) {
            const auto part = read_some(to, size);
            to += part;
            size -= part;
            continue;
        }
        taken_ = 0;
        buffer_.resize(kBufferBytes);
        std::size_t got = 0;
        try {
            got = read_some(buffer_.data(), buffer_.size());
        } catch (...) {
            buffer_.clear();
            throw;
        }
        buffer_.resize(got);
    }
}

void FrameReader::read_line(std::size_t limit, std::string& line) {
    for (char next = 0; line.size() < limit; line += next) {
        read_exactly(&next, 1);
        if (next == '\n') return;
    }
}

std::uint32_t FrameReader::read(std::vector<char>& payload) {
    std::array<char, kHeaderBytes> header{};
    read_exactly(header.data(), header.size());
    const std::size_t size = get_u32(header.data() + 8);
    if (!std::equal(kMagic.begin(), kMagic.end(), header.begin()) || size > kLargestPayload) {
        throw Error("what came through the pipe is garbage")
            .retryable(true)
            .poisons_connection(true)
            .hint("nothing but the agent may write to that command's standard output");
    }
    payload.resize(size);
    read_exactly(payload.data(), size);
    return get_u32(header.data() + 4);
}

void FrameWriter::write_text(std::string_view text) { write_all(text, {}); }

void FrameWriter::write(std::uint32_t kind, std::string_view payload) {
    const auto header = header_of(kind, payload.size());
    write_all({header.data(), header.size()}, payload);
}

void FrameWriter::write_all(std::string_view head, std::string_view rest) {
    const std::lock_guard guard(mutex_);
    while (!head.empty() || !rest.empty()) {
        // writev takes them unconst, and does not touch them.
        std::array<iovec, 2> parts = {{{const_cast<char*>(head.data()), head.size()},
                                       {const_cast<char*>(rest.data()), rest.size()}}};
        const auto put = ::writev(fd_, parts.data(), parts.size());
        if (put < 0) {
            if (!must_wait(errno)) {
                throw ended(std::string("the pipe broke: ") + std::strerror(errno));
            }
            wait_(fd_, POLLOUT);
            continue;
        }
        const auto of_head = std::min(head.size(), static_cast<std::size_t>(put));
        head.remove_prefix(of_head);
        rest.remove_prefix(static_cast<std::size_t>(put) - of_head);
    }
}

bool FrameWriter::try_write(std::uint32_t kind) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    const auto header = header_of(kind, 0);
    // So few bytes are taken whole or not at all: a pipe promises that, a socket has the room.
    return ::write(fd_, header.data(), header.size()) == static_cast<ssize_t>(header.size());
}

}  // namespace pghaul::io
