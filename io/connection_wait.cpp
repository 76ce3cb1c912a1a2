// How a connection waits for its server.
#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "io/connection.hpp"
#include "io/error.hpp"
#include "io/waits.hpp"

namespace pghaul::io {
namespace {

using Clock = std::chrono::steady_clock;

// Only a wait that lasts is worth a note: most are over in less.
constexpr std::chrono::milliseconds kShortWait{1000};

// The server sends 8 kB at a time.
constexpr int kMuch = 64 << 10;
constexpr int kMuchWaitMs = 5;

}  // namespace

bool Connection::await_socket(bool also_writable) {
    wake_for(1);
    const auto deadline = Clock::now() + answer_limit_.value_or(std::chrono::milliseconds(0));
    std::optional<WaitMark> mark;
    for (;;) {
        if (interrupt_->fired()) {
            poisoned_ = true;
            throw Interrupted();
        }
        std::array<pollfd, 2> entries = {{
            {PQsocket(raw()), static_cast<short>(POLLIN | (also_writable ? POLLOUT : 0)), 0},
            {interrupt_->fd(), POLLIN, 0},
        }};
        const int short_ms = mark ? -1 : static_cast<int>(kShortWait.count());
        int wait_ms = short_ms;
        if (answer_limit_) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
            const auto left_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
            wait_ms = mark ? left_ms : std::min(short_ms, left_ms);
        }
        const int ready = ::poll(entries.data(), entries.size(), wait_ms);
        if (ready < 0 && errno != EINTR) throw broken("poll");
        if (ready == 0 && !mark && wait_ms == short_ms) {
            mark.emplace(server_name_, backend_pid(), PQsocket(raw()));
            continue;
        }
        if (ready == 0) {
            poisoned_ = true;
            throw Error(server_name_ + " stopped answering")
                .retryable(true)
                .poisons_connection(true)
                .exit_code(ExitCode::stopped)
                .hint("check that server and the network, then run again");
        }
        if (mark && mark->broken_off()) throw forgotten();
        if (entries[0].revents != 0)
            return (entries[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
    }
}

void Connection::await_much() {
    wake_for(kMuch);
    std::array<pollfd, 2> entries = {{{PQsocket(raw()), POLLIN, 0}, {interrupt_->fd(), POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), kMuchWaitMs) > 0 && entries[0].revents != 0) return;
    await_socket(false);
}

/// How much must have arrived for a wait to end. A kernel that can't do it wakes us for less.
void Connection::wake_for(int bytes) noexcept {
    if (wake_for_ == bytes) return;
    wake_for_ = bytes;
    ::setsockopt(PQsocket(raw()), SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

bool Connection::has_unread_answer() const noexcept {
    pollfd entry{PQsocket(raw()), POLLIN, 0};
    return ::poll(&entry, 1, 0) > 0;
}

}  // namespace pghaul::io
