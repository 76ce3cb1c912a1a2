#include "io/child.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "io/error.hpp"

extern char** environ;

namespace pghaul::io {
namespace {

using Clock = std::chrono::steady_clock;

// How long an end by itself, and then one by SIGTERM, may take.
constexpr std::chrono::seconds kGrace{2};
constexpr std::chrono::milliseconds kLook{5};

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

std::vector<std::string> environment_of(const ChildSetup& setup) {
    std::vector<std::string> merged;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        const auto name = text.substr(0, text.find('='));
        if (!setup.env.contains(name) && !setup.without_env.contains(name)) merged.push_back(text);
    }
    for (const auto& [name, value] : setup.env) merged.push_back(name + "=" + value);
    return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> list;
    for (auto& text : strings) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

int exit_code_of(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Child::Child(const ChildSetup& setup) {
    std::optional<Pipe> in;
    if (setup.writable) in.emplace();
    Pipe out;
    Pipe err;
    // Everything the child needs is made before fork: after it only async-signal-safe calls are
    // allowed, since other threads may hold the allocator's lock.
    std::vector<std::string> arguments = setup.argv;
    std::vector<std::string> environment = environment_of(setup);
    const std::vector<char*> argument_list = pointers(arguments);
    const std::vector<char*> environment_list = pointers(environment);
    pid_ = ::fork();
    if (pid_ < 0) throw Error(std::string("cannot fork: ") + std::strerror(errno));
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        const int input = in ? in->read_end.get() : ::open("/dev/null", O_RDONLY);
        ::dup2(input, STDIN_FILENO);
        ::dup2(out.write_end.get(), STDOUT_FILENO);
        ::dup2(err.write_end.get(), STDERR_FILENO);
        // exec keeps what is ignored and blocked here.
        std::signal(SIGPIPE, SIG_DFL);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::execve(argument_list[0], argument_list.data(), environment_list.data());
        ::_exit(127);
    }
    if (in) {
        in_ = std::move(in->write_end);
        ::fcntl(in_.get(), F_SETFL, O_NONBLOCK);
    }
    out_ = std::move(out.read_end);
    err_ = std::move(err.read_end);
}

Child::~Child() {
    in_.reset();
    out_.reset();
    err_.reset();
    if (wait(kGrace)) return;
    signal(SIGTERM);
    if (wait(kGrace)) return;
    signal(SIGKILL);
    wait();
}

long Child::processor_ticks() const noexcept {
    // Source: proc(5). The name in brackets may hold anything; utime and stime are the 12th and
    // 13th fields behind it.
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string text;
    std::getline(file, text);
    const auto name_end = text.rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int field = 0; field < 11; ++field) fields >> skipped;
    long user = 0;
    long system = 0;
    fields >> user >> system;
    return user + system;
}

void Child::signal(int number) noexcept {
    if (!exit_code_) ::kill(pid_, number);
}

std::optional<int> Child::wait(std::chrono::milliseconds limit) noexcept {
    for (const auto deadline = Clock::now() + limit; !exit_code_;) {
        int status = 0;
        if (::waitpid(pid_, &status, WNOHANG) == pid_) {
            exit_code_ = exit_code_of(status);
        } else if (Clock::now() < deadline) {
            std::this_thread::sleep_for(kLook);
        } else {
            break;
        }
    }
    return exit_code_;
}

int Child::wait() noexcept {
    if (exit_code_) return *exit_code_;
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    exit_code_ = exit_code_of(status);
    return *exit_code_;
}

}  // namespace pghaul::io
