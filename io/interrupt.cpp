#include "io/interrupt.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "io/error.hpp"

namespace pghaul::io {

Interrupt::Interrupt() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_) throw Error(std::string("cannot create an eventfd: ") + std::strerror(errno));
}

Interrupt::Interrupt(const Interrupt* whole) : Interrupt() {
    whole_ = whole;
    either_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event readable{};
    readable.events = EPOLLIN;
    if (!either_ || ::epoll_ctl(either_.get(), EPOLL_CTL_ADD, event_.get(), &readable) != 0 ||
        ::epoll_ctl(either_.get(), EPOLL_CTL_ADD, whole->fd(), &readable) != 0) {
        throw Error(std::string("cannot wait for an eventfd: ") + std::strerror(errno));
    }
}

void Interrupt::fire() noexcept {
    fired_.store(true, std::memory_order_release);
    const std::uint64_t one = 1;
    // The counter can't overflow and nobody reads it, so the result says nothing of use.
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Interrupt::check() const {
    if (fired()) throw Interrupted();
}

void Interrupt::sleep_ms(int milliseconds) const {
    pollfd entry{fd(), POLLIN, 0};
    ::poll(&entry, 1, milliseconds);
    check();
}

}  // namespace pghaul::io
