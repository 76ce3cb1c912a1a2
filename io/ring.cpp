#include "io/ring.hpp"

#include <fcntl.h>
#include <liburing.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "io/error.hpp"

namespace pghaul::io {
namespace {

// What O_DIRECT asks of addresses on every disk there is.
constexpr std::size_t kAlignment = 4096;

bool switched_off() {
    const char* set = std::getenv("PGHAUL_IO_URING");
    return set != nullptr && std::string_view(set) == "off";
}

}  // namespace

struct Ring::Kernel {
    io_uring ring{};
    bool open = false;
    /// False where the limit on locked memory is too low for the buffers: they still work.
    bool registered = false;

    // No IORING_SETUP_SINGLE_ISSUER: a serial filter of oneTBB moves between threads.
    explicit Kernel(std::size_t entries) {
        open = io_uring_queue_init(static_cast<unsigned>(entries), &ring, 0) == 0;
    }
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    ~Kernel() {
        if (open) io_uring_queue_exit(&ring);
    }
};

void Ring::FreeMemory::operator()(char* memory) const noexcept { std::free(memory); }

Ring::Ring(std::size_t buffers, std::size_t buffer_bytes, Engine engine)
    : buffer_bytes_((buffer_bytes + kAlignment - 1) / kAlignment * kAlignment),
      memory_(static_cast<char*>(std::aligned_alloc(kAlignment, buffers * buffer_bytes_))),
      requests_(buffers) {
    if (!memory_) throw Error("out of memory for file buffers");
    if (engine == Engine::plain || switched_off()) return;
    auto kernel = std::make_unique<Kernel>(buffers);
    if (!kernel->open) return;
    std::vector<iovec> vectors;
    for (std::size_t i = 0; i < buffers; ++i) vectors.push_back({buffer(i), buffer_bytes_});
    kernel->registered = io_uring_register_buffers(&kernel->ring, vectors.data(),
                                                   static_cast<unsigned>(vectors.size())) == 0;
    kernel_ = std::move(kernel);
}

Ring::~Ring() {
    // The kernel must not write into memory that is somebody else's by then.
    for (std::size_t i = 0; i < requests_.size(); ++i) await(i);
}

void Ring::go_direct(int fd, bool on) const noexcept {
    if (!uses_io_uring()) return;
    const int flags = ::fcntl(fd, F_GETFL);
    // A file system that knows no O_DIRECT refuses, and all goes on as before.
    ::fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

void Ring::write(std::size_t number, int fd, std::size_t size, std::uint64_t offset) {
    begin(number, {true, fd, size, offset});
}

void Ring::read(std::size_t number, int fd, std::size_t size, std::uint64_t offset) {
    begin(number, {false, fd, size, offset});
}

void Ring::begin(std::size_t number, const Request& request) noexcept {
    requests_[number] = request;
    requests_[number].under_way = request.size > 0;
    if (request.size == 0) return;
    if (kernel_) {
        submit(number);
    } else {
        while (requests_[number].under_way) perform(number);
    }
}

/// Asks the kernel for the part of a request that is not done.
void Ring::submit(std::size_t number) noexcept {
    auto& request = requests_[number];
    // There are as many entries as buffers, and each buffer has one request at most.
    io_uring_sqe* entry = io_uring_get_sqe(&kernel_->ring);
    if (entry == nullptr) return settle(number, -EBUSY);
    char* from = buffer(number) + request.done;
    const auto left = static_cast<unsigned>(request.size - request.done);
    const std::uint64_t at = request.offset + request.done;
    const int index = static_cast<int>(number);
    if (kernel_->registered) {
        if (request.writes) {
            io_uring_prep_write_fixed(entry, request.fd, from, left, at, index);
        } else {
            io_uring_prep_read_fixed(entry, request.fd, from, left, at, index);
        }
    } else if (request.writes) {
        io_uring_prep_write(entry, request.fd, from, left, at);
    } else {
        io_uring_prep_read(entry, request.fd, from, left, at);
    }
    io_uring_sqe_set_data64(entry, number);
    int submitted = 0;
    do submitted = io_uring_submit(&kernel_->ring);
    while (submitted == -EINTR || submitted == -EAGAIN);
    if (submitted < 0) settle(number, submitted);
}

void Ring::perform(std::size_t number) noexcept {
    const auto& request = requests_[number];
    char* from = buffer(number) + request.done;
    const std::size_t left = request.size - request.done;
    const auto at = static_cast<off_t>(request.offset + request.done);
    const auto got =
        request.writes ? ::pwrite(request.fd, from, left, at) : ::pread(request.fd, from, left, at);
    settle(number, got < 0 ? -errno : static_cast<int>(got));
}

/// Takes an answer of the kernel: either the request is over or the rest is asked for again.
void Ring::settle(std::size_t number, int result) noexcept {
    auto& request = requests_[number];
    const bool again = result == -EINTR || result == -EAGAIN;
    if (result > 0) request.done += static_cast<std::size_t>(result);
    if (result < 0 && !again) request.error = -result;
    // A disk that takes nothing and says nothing would be asked for ever.
    if (result == 0 && request.writes) request.error = EIO;
    request.under_way = request.error == 0 && result != 0 && request.done < request.size;
}

void Ring::reap() noexcept {
    io_uring_cqe* entry = nullptr;
    const int waited = io_uring_wait_cqe(&kernel_->ring, &entry);
    if (waited == -EINTR || waited == -EAGAIN) return;
    if (waited < 0) {
        for (auto& request : requests_) {
            if (request.under_way) request.error = -waited;
            request.under_way = false;
        }
        return;
    }
    const auto number = static_cast<std::size_t>(io_uring_cqe_get_data64(entry));
    const int result = entry->res;
    io_uring_cqe_seen(&kernel_->ring, entry);
    settle(number, result);
    if (requests_[number].under_way) submit(number);
}

std::int64_t Ring::await(std::size_t number) noexcept {
    auto& request = requests_[number];
    while (request.under_way) reap();
    return request.error != 0 ? -std::int64_t{request.error}
                              : static_cast<std::int64_t>(request.done);
}

}  // namespace pghaul::io
