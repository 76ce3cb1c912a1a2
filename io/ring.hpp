// Reads and writes of files, several under way at a time: io_uring with registered buffers, or
// pread and pwrite behind the same calls where io_uring is denied (containers often do) or
// PGHAUL_IO_URING=off. A request names one of the ring's own buffers; the buffer belongs to the
// kernel from then until await().
// Not for: sockets and pipes. Which file, at which offset and what an error means is the caller's.
// Thread: one at a time, not always the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace pghaul::io {

class Ring {
  public:
    enum class Engine {
        automatic,  // io_uring if the kernel lets us
        plain,      // pread and pwrite
    };

    /// Throws: Error if there is no memory for the buffers.
    Ring(std::size_t buffers, std::size_t buffer_bytes, Engine engine = Engine::automatic);
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    /// Waits for what is under way.
    ~Ring();

    bool uses_io_uring() const noexcept { return kernel_ != nullptr; }
    std::size_t buffers() const noexcept { return requests_.size(); }
    std::size_t buffer_bytes() const noexcept { return buffer_bytes_; }
    /// Takes a file past the page cache where that pays, or back to it. It pays with io_uring: half
    /// the CPU, and the servers beside us keep their pages. Then only whole multiples of 4096 bytes
    /// may be read or written, at such offsets (a read may end where the file does).
    /// Source: bench/ring_bench.cpp.
    void go_direct(int fd, bool on) const noexcept;
    /// Aligned for that.
    char* buffer(std::size_t number) noexcept { return memory_.get() + number * buffer_bytes_; }

    /// Begin to write or read the first `size` bytes of a buffer. fd stays open until await().
    /// Requires: the buffer's last request was awaited; size is not above buffer_bytes().
    void write(std::size_t number, int fd, std::size_t size, std::uint64_t offset);
    void read(std::size_t number, int fd, std::size_t size, std::uint64_t offset);
    /// Waits for the buffer's request; what the kernel did only in part is asked for again.
    /// Returns: bytes (fewer than asked only where the file ends, 0 if nothing was asked), or an
    /// errno below zero.
    std::int64_t await(std::size_t number) noexcept;

  private:
    struct Kernel;
    struct FreeMemory {
        void operator()(char* memory) const noexcept;
    };
    struct Request {
        bool writes = false;
        int fd = -1;
        std::size_t size = 0;
        std::uint64_t offset = 0;
        std::size_t done = 0;
        bool under_way = false;
        int error = 0;
    };

    void begin(std::size_t number, const Request& request) noexcept;
    void submit(std::size_t number) noexcept;
    void perform(std::size_t number) noexcept;
    void reap() noexcept;
    void settle(std::size_t number, int result) noexcept;

    std::size_t buffer_bytes_;
    std::unique_ptr<char, FreeMemory> memory_;
    std::vector<Request> requests_;
    std::unique_ptr<Kernel> kernel_;
};

}  // namespace pghaul::io
