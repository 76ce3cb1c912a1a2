// A server that never says a word: it listens on 127.0.0.1 and answers nothing. For tests of what
// a program does while it connects.
// Thread: any.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace pghaul::test {

class SilentListener {
  public:
    enum class Manner {
        accepting,  // connections come about, but nothing follows
        full,       // as a firewall that drops: nobody takes the connection
    };

    explicit SilentListener(Manner manner = Manner::accepting)
        : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address_;
        const bool fills = manner == Manner::full;
        if (::bind(socket_.get(), plain(), size) != 0 ||
            ::listen(socket_.get(), fills ? 0 : 8) != 0 ||
            ::getsockname(socket_.get(), plain(), &size) != 0) {
            throw std::runtime_error("cannot listen on 127.0.0.1");
        }
        if (fills) fill();
    }

    std::string port() const { return std::to_string(ntohs(address_.sin_port)); }
    std::string conninfo() const {
        return "host=127.0.0.1 port=" + port() + " user=x dbname=x connect_timeout=60";
    }
    /// Waits until somebody has connected; false if nobody did in time.
    bool reached(std::chrono::milliseconds timeout) const {
        pollfd entry{socket_.get(), POLLIN, 0};
        return ::poll(&entry, 1, static_cast<int>(timeout.count())) > 0;
    }

  private:
    sockaddr* plain() { return reinterpret_cast<sockaddr*>(&address_); }

    /// Connects until the kernel holds no more for a listener that accepts none.
    void fill() {
        for (;;) {
            FileDescriptor one(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
            ::connect(one.get(), plain(), sizeof address_);
            pollfd entry{one.get(), POLLOUT, 0};
            if (::poll(&entry, 1, 100) == 0) return;
            waiting_.push_back(std::move(one));
        }
    }

    FileDescriptor socket_;
    sockaddr_in address_{};
    std::vector<FileDescriptor> waiting_;
};

}  // namespace pghaul::test
