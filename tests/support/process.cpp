#include "tests/support/process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

namespace pghaul::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollInterval = std::chrono::milliseconds(2);

[[noreturn]] void throw_errno(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

std::vector<std::string> environment_with(const Environment& extra) {
    std::vector<std::string> result;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        if (!extra.contains(text.substr(0, text.find('=')))) result.push_back(text);
    }
    for (const auto& [name, value] : extra) result.push_back(name + "=" + value);
    return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
    std::vector<char*> result;
    for (std::string& text : strings) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
}

/// Runs in the child between fork and exec, where only async-signal-safe calls are allowed.
/// Returns: errno of the call that failed.
int become(const SpawnOptions& options, pid_t parent, char* const* argv, char* const* envp) {
    if (setsid() < 0) return errno;
    const int null_fd = open("/dev/null", O_RDWR);
    const int wanted[] = {options.stdin_fd, options.stdout_fd, options.stderr_fd};
    for (int target = 0; target < 3; ++target) {
        if (dup2(wanted[target] < 0 ? null_fd : wanted[target], target) < 0) return errno;
    }
    if (options.user) {
        const OsUser& user = *options.user;
        if (setgroups(0, nullptr) < 0 || setgid(user.gid) < 0 || setuid(user.uid) < 0) return errno;
    }
    // A change of user clears the death signal, so it comes after.
    if (prctl(PR_SET_PDEATHSIG, options.parent_death_signal) < 0) return errno;
    if (getppid() != parent) return ESRCH;
    if (!options.directory.empty() && chdir(options.directory.c_str()) < 0) return errno;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execvpe(argv[0], argv, envp);
    return errno;
}

ProcessResult result_of(int status, std::string out, std::string err) {
    ProcessResult result;
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result.out = std::move(out);
    result.err = std::move(err);
    return result;
}

int wait_forever(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) throw_errno(errno, "waitpid");
    }
    return status;
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileDescriptor::~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
}

MemoryFile::MemoryFile(std::string_view content) : fd_(memfd_create("pghaul-test", MFD_CLOEXEC)) {
    if (fd() < 0) throw_errno(errno, "memfd_create");
    while (!content.empty()) {
        const ssize_t written = write(fd(), content.data(), content.size());
        if (written < 0) throw_errno(errno, "write to memory file");
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    // Readers that inherit the descriptor share its offset.
    lseek(fd(), 0, SEEK_SET);
}

std::string MemoryFile::content() const {
    std::string result;
    char buffer[65536];
    ssize_t got = 0;
    // pread leaves the offset alone, at which the child goes on writing.
    while ((got = pread(fd(), buffer, sizeof buffer, static_cast<off_t>(result.size()))) > 0) {
        result.append(buffer, static_cast<std::size_t>(got));
    }
    return result;
}

std::string MemoryFile::path() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd());
}

pid_t spawn(const SpawnOptions& options) {
    std::vector<std::string> arguments = options.argv;
    std::vector<std::string> environment = environment_with(options.extra_env);
    const std::vector<char*> argv = pointers_to(arguments);
    const std::vector<char*> envp = pointers_to(environment);
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) throw_errno(errno, "pipe2");
    FileDescriptor report_read(report[0]);
    FileDescriptor report_write(report[1]);

    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid < 0) throw_errno(errno, "fork");
    if (pid == 0) {
        const int error = become(options, parent, argv.data(), envp.data());
        if (write(report_write.get(), &error, sizeof error) < 0) _exit(126);
        _exit(127);
    }
    report_write = FileDescriptor();
    int error = 0;
    // End of file means that exec closed the pipe: success.
    if (read(report_read.get(), &error, sizeof error) > 0) {
        wait_forever(pid);
        throw_errno(error, "cannot start " + options.argv.at(0));
    }
    return pid;
}

std::optional<int> wait_for_exit(pid_t pid, std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    while (true) {
        int status = 0;
        const pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid) return status;
        if (got < 0 && errno == ECHILD) return 0;
        if (got < 0 && errno != EINTR) throw_errno(errno, "waitpid");
        if (Clock::now() >= deadline) return std::nullopt;
        std::this_thread::sleep_for(kPollInterval);
    }
}

ProcessResult run_process(const std::vector<std::string>& argv, const Environment& extra_env,
                          std::string_view stdin_text, std::optional<OsUser> user) {
    const MemoryFile in(stdin_text);
    const MemoryFile out;
    const MemoryFile err;
    const pid_t pid = spawn({.argv = argv,
                             .extra_env = extra_env,
                             .stdin_fd = in.fd(),
                             .stdout_fd = out.fd(),
                             .stderr_fd = err.fd(),
                             .user = user,
                             .directory = user ? "/" : ""});
    const int status = wait_forever(pid);
    return result_of(status, out.content(), err.content());
}

std::string run_command(const std::vector<std::string>& argv, int* exit_code,
                        const Environment& extra_env) {
    const MemoryFile output;
    const pid_t pid = spawn(
        {.argv = argv, .extra_env = extra_env, .stdout_fd = output.fd(), .stderr_fd = output.fd()});
    const int status = wait_forever(pid);
    if (exit_code != nullptr) *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return output.content();
}

ChildProcess::ChildProcess(const std::vector<std::string>& argv, const Environment& extra_env)
    : pid_(spawn(
          {.argv = argv, .extra_env = extra_env, .stdout_fd = out_.fd(), .stderr_fd = err_.fd()})) {
}

ChildProcess::~ChildProcess() {
    // The session's process group: also what the child itself has started.
    ::kill(-pid_, SIGKILL);
    if (status_) return;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
}

void ChildProcess::kill(int signal) {
    if (!status_ && ::kill(pid_, signal) < 0) throw_errno(errno, "kill");
}

bool ChildProcess::running() { return !wait(std::chrono::milliseconds(0)); }

std::optional<ProcessResult> ChildProcess::wait(std::chrono::milliseconds timeout) {
    if (!status_) status_ = wait_for_exit(pid_, timeout);
    if (!status_) return std::nullopt;
    return result_of(*status_, out(), err());
}

bool ChildProcess::wait_for_output(std::string_view text, std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    while (true) {
        // Asked before reading, so that what it wrote last is not missed.
        const bool last_look = !running() || Clock::now() >= deadline;
        if (out().find(text) != std::string::npos || err().find(text) != std::string::npos) {
            return true;
        }
        if (last_look) return false;
        std::this_thread::sleep_for(kPollInterval);
    }
}

std::vector<pid_t> all_processes() {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        if (pid > 0) found.push_back(pid);
    }
    return found;
}

std::string proc_file(pid_t pid, const std::string& file) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/" + file, std::ios::binary);
    // A stream of its own takes a failed read as the end; an iterator would throw it.
    std::ostringstream contents;
    contents << in.rdbuf();
    return contents.str();
}

}  // namespace pghaul::test
