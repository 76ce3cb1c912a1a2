// The two directions of an agent's pipe as frames: a kind and a payload, whole or not at all.
// Numbers are little-endian:
//
//   offset  bytes
//        0      4  "PGHF"
//        4      4  kind
//        8      4  payload's size
//       12         the payload
//
// Who waits for a descriptor, and what else that wait watches, is the owner's business (PipeWait).
// Thread: a FrameReader has one; FrameWriter::write may be called by any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "io/error.hpp"

namespace pghaul::io {

/// Returns when fd is ready for these poll(2) events, or throws.
using PipeWait = std::function<void(int fd, short events)>;

/// The other end has closed the pipe.
class PipeEnded : public Error {
  public:
    using Error::Error;
};

class FrameReader {
  public:
    FrameReader(int fd, PipeWait wait) : fd_(fd), wait_(std::move(wait)) {}

    /// Appends the bytes up to a line end, which is taken off, but no more than `limit`.
    /// Throws: PipeEnded; then `line` holds what came before it.
    void read_line(std::size_t limit, std::string& line);
    /// Reads a frame; returns its kind. Throws: PipeEnded; Error (garbage).
    std::uint32_t read(std::vector<char>& payload);

  private:
    void read_exactly(char* to, std::size_t size);
    std::size_t read_some(char* to, std::size_t size);

    int fd_;
    PipeWait wait_;
    std::vector<char> buffer_;
    std::size_t taken_ = 0;
};

class FrameWriter {
  public:
    /// fd: does not block.
    FrameWriter(int fd, PipeWait wait) : fd_(fd), wait_(std::move(wait)) {}

    void write_text(std::string_view text);
    /// Throws: PipeEnded.
    void write(std::uint32_t kind, std::string_view payload);
    /// Writes a frame without payload if that needs no waiting at all. Returns: whether it did.
    bool try_write(std::uint32_t kind);

  private:
    void write_all(std::string_view head, std::string_view rest);

    int fd_;
    PipeWait wait_;
    std::mutex mutex_;
};

}  // namespace pghaul::io
