#include "io/process.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "io/child.hpp"
#include "io/error.hpp"

namespace pghaul::io {
namespace {

/// Appends what is there; returns false at end of file.
bool drain(int fd, std::string& to) {
    std::array<char, 65536> buffer;
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    to.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0;
}

}  // namespace

ProcessOutput run_process(const std::vector<std::string>& argv,
                          const std::map<std::string, std::string>& env,
                          const Interrupt& interrupt) {
    interrupt.check();
    Child child({argv, env, {}, false});
    ProcessOutput output;
    bool out_open = true;
    bool err_open = true;
    while (out_open || err_open) {
        std::array<pollfd, 3> entries = {{
            {out_open ? child.out() : -1, POLLIN, 0},
            {err_open ? child.err() : -1, POLLIN, 0},
            {interrupt.fd(), POLLIN, 0},
        }};
        if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) break;
        if (interrupt.fired()) {
            child.signal(SIGTERM);
            child.wait();
            throw Interrupted();
        }
        if (entries[0].revents != 0) out_open = drain(child.out(), output.out);
        if (entries[1].revents != 0) err_open = drain(child.err(), output.err);
    }
    output.exit_code = child.wait();
    if (output.exit_code == 127 && output.err.empty()) {
        throw Error("cannot run " + argv.at(0));
    }
    return output;
}

}  // namespace pghaul::io
