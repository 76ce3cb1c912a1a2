// Child processes for tests: run one to its end, or hold one and signal it.
//
// For tests only: no shell is involved, output is kept in memory, and every child is killed when
// the test dies. Not for servers' whole life cycle, that is cluster.hpp. Thread: each object
// belongs to one thread, and a child dies with the *thread* that started it (PR_SET_PDEATHSIG works
// that way), so start it from one that lives long enough.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pghaul::test {

using Environment = std::map<std::string, std::string>;

/// Owner of one file descriptor.
class FileDescriptor {
  public:
    explicit FileDescriptor(int fd = -1) : fd_(fd) {}
    FileDescriptor(FileDescriptor&& other) noexcept;
    FileDescriptor& operator=(FileDescriptor&& other) noexcept;
    ~FileDescriptor();
    int get() const { return fd_; }

  private:
    int fd_;
};

/// A nameless file in memory; children may write into it or open it by `path()`.
class MemoryFile {
  public:
    explicit MemoryFile(std::string_view content = {});
    int fd() const { return fd_.get(); }
    std::string content() const;
    /// A name other processes of the same user can open while this object lives.
    std::string path() const;

  private:
    FileDescriptor fd_;
};

/// A numeric user and group that a child is to run as.
struct OsUser {
    uid_t uid;
    gid_t gid;
};

struct SpawnOptions {
    std::vector<std::string> argv;  // argv[0] is searched in PATH
    Environment extra_env = {};     // added to the test's own environment
    int stdin_fd = -1;              // -1: /dev/null
    int stdout_fd = -1;
    int stderr_fd = -1;
    std::optional<OsUser> user = std::nullopt;
    std::string directory = {};  // empty: the test's own
    int parent_death_signal = SIGKILL;
};

/// Starts a child in a session of its own and returns once exec has succeeded.
/// Throws: std::system_error when the program cannot be started.
pid_t spawn(const SpawnOptions& options);

/// Waits until the child has ended, and reaps it. One that was reaped before has ended with 0.
/// Returns: its status as of waitpid(2), or nothing when `timeout` passed first.
std::optional<int> wait_for_exit(pid_t pid, std::chrono::milliseconds timeout);

/// How a process ended and what it said.
struct ProcessResult {
    int exit_code = 0;  // -1 when a signal ended it
    int signal = 0;     // 0 when it exited by itself
    std::string out;
    std::string err;
    bool ok() const { return exit_code == 0; }
};

/// Runs a program to its end.
ProcessResult run_process(const std::vector<std::string>& argv, const Environment& extra_env = {},
                          std::string_view stdin_text = {},
                          std::optional<OsUser> user = std::nullopt);

/// Runs a program to its end and returns stdout and stderr in the order they were written.
std::string run_command(const std::vector<std::string>& argv, int* exit_code,
                        const Environment& extra_env = {});

/// A running program that a test can watch, signal and wait for; killed with all it started when
/// the object goes.
class ChildProcess {
  public:
    explicit ChildProcess(const std::vector<std::string>& argv, const Environment& extra_env = {});
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t pid() const { return pid_; }
    /// Sends a signal to the process; does nothing when it has already been reaped.
    void kill(int signal);
    bool running();
    /// Waits for the end. Returns nothing when `timeout` passed first.
    std::optional<ProcessResult> wait(std::chrono::milliseconds timeout);
    /// Waits until stdout or stderr holds `text`; false when the process ended or time ran out.
    bool wait_for_output(std::string_view text, std::chrono::milliseconds timeout);
    /// What was written so far.
    std::string out() const { return out_.content(); }
    std::string err() const { return err_.content(); }

  private:
    MemoryFile out_;
    MemoryFile err_;
    pid_t pid_;
    std::optional<int> status_;
};

/// Every process of the machine that can be seen, at this moment.
std::vector<pid_t> all_processes();
/// What /proc tells in `file` ("cmdline", "environ", "stat") about a process. Empty for one that is
/// gone, also when it ended between the opening of the file and the reading, or is not ours to see.
std::string proc_file(pid_t pid, const std::string& file);

}  // namespace pghaul::test
