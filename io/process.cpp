#include "io/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "io/error.hpp"
#include "io/file_descriptor.hpp"

extern char** environ;

namespace pghaul::io {
namespace {

struct Pipe {
    FileDescriptor read_end;
    FileDescriptor write_end;

    Pipe() {
        std::array<int, 2> fds{};
        if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
            throw Error(std::string("cannot create a pipe: ") + std::strerror(errno));
        }
        read_end = FileDescriptor(fds[0]);
        write_end = FileDescriptor(fds[1]);
    }
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& env) {
    std::vector<std::string> merged;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        if (!env.contains(text.substr(0, text.find('=')))) merged.push_back(text);
    }
    for (const auto& [name, value] : env) merged.push_back(name + "=" + value);
    return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> list;
    for (auto& text : strings) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

/// Appends what is there; returns false at end of file.
bool drain(int fd, std::string& to) {
    std::array<char, 65536> buffer;
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    to.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0;
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

ProcessOutput run_process(const std::vector<std::string>& argv,
                          const std::map<std::string, std::string>& env,
                          const Interrupt& interrupt) {
    interrupt.check();
    Pipe out;
    Pipe err;
    // Everything the child needs is made before fork: after it only async-signal-safe calls are
    // allowed, since other threads may hold the allocator's lock.
    std::vector<std::string> arguments = argv;
    std::vector<std::string> environment = merged_environment(env);
    const std::vector<char*> argument_list = pointers(arguments);
    const std::vector<char*> environment_list = pointers(environment);
    const pid_t pid = ::fork();
    if (pid < 0) throw Error(std::string("cannot fork: ") + std::strerror(errno));
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        const int nothing = ::open("/dev/null", O_RDONLY);
        ::dup2(nothing, STDIN_FILENO);
        ::dup2(out.write_end.get(), STDOUT_FILENO);
        ::dup2(err.write_end.get(), STDERR_FILENO);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::execve(argument_list[0], argument_list.data(), environment_list.data());
        ::_exit(127);
    }
    out.write_end.reset();
    err.write_end.reset();

    ProcessOutput output;
    bool out_open = true;
    bool err_open = true;
    while (out_open || err_open) {
        std::array<pollfd, 3> entries = {{
            {out_open ? out.read_end.get() : -1, POLLIN, 0},
            {err_open ? err.read_end.get() : -1, POLLIN, 0},
            {interrupt.fd(), POLLIN, 0},
        }};
        if (::poll(entries.data(), entries.size(), -1) < 0 && errno != EINTR) break;
        if (interrupt.fired()) {
            ::kill(pid, SIGTERM);
            wait_for(pid);
            throw Interrupted();
        }
        if (entries[0].revents != 0) out_open = drain(out.read_end.get(), output.out);
        if (entries[1].revents != 0) err_open = drain(err.read_end.get(), output.err);
    }
    output.exit_code = wait_for(pid);
    if (output.exit_code == 127 && output.err.empty()) {
        throw Error("cannot run " + argv.at(0));
    }
    return output;
}

}  // namespace pghaul::io
