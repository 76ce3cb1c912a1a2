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

/// How long a child has neither said nor computed anything.
class IdleClock {
  public:
    explicit IdleClock(const Child& child) : child_(child) {}

    std::chrono::steady_clock::duration time(const ProcessOutput& so_far) {
        const auto said = so_far.out.size() + so_far.err.size();
        const long ticks = child_.processor_ticks();
        if (said != said_ || ticks != ticks_) since_ = std::chrono::steady_clock::now();
        said_ = said;
        ticks_ = ticks;
        return std::chrono::steady_clock::now() - since_;
    }

  private:
    const Child& child_;
    std::size_t said_ = 0;
    long ticks_ = 0;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace

ProcessOutput run_process(const std::vector<std::string>& argv,
                          const std::map<std::string, std::string>& env, const Interrupt& interrupt,
                          std::optional<std::chrono::milliseconds> idle_limit) {
    interrupt.check();
    Child child({argv, env, {}, false});
    ProcessOutput output;
    bool out_open = true;
    bool err_open = true;
    IdleClock idle(child);
    while (out_open || err_open) {
        std::array<pollfd, 3> entries = {{
            {out_open ? child.out() : -1, POLLIN, 0},
            {err_open ? child.err() : -1, POLLIN, 0},
            {interrupt.fd(), POLLIN, 0},
        }};
        const int timeout = idle_limit ? static_cast<int>(idle_limit->count() / 4 + 1) : -1;
        if (::poll(entries.data(), entries.size(), timeout) < 0 && errno != EINTR) break;
        if (interrupt.fired()) {
            child.signal(SIGTERM);
            child.wait();
            throw Interrupted();
        }
        if (idle_limit && idle.time(output) > *idle_limit) {
            child.signal(SIGTERM);
            throw Error(argv.at(0) + " has not moved for " +
                        std::to_string(
                            std::chrono::duration_cast<std::chrono::seconds>(*idle_limit).count()) +
                        " s")
                .retryable(true)
                .exit_code(ExitCode::stopped)
                .hint("does it wait for a lock, or has the network forgotten its connection?");
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
