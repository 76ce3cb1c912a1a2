// A child process and its pipes. It dies with the thread that started it, also when that is killed;
// what it has started itself ends when its input does.
// Owner: the object; its destructor closes the pipes, waits briefly, then ends the child by force.
// Thread: one at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/file_descriptor.hpp"

namespace pghaul::io {

struct ChildSetup {
    /// argv[0] is a path.
    std::vector<std::string> argv;
    /// Added to the inherited environment.
    std::map<std::string, std::string> env;
    /// Names left out of it.
    std::set<std::string> without_env;
    /// A pipe as standard input; else it is /dev/null.
    bool writable = false;
};

class Child {
  public:
    /// A program that can't be run ends with 127. Throws: Error if the system has no room for it.
    explicit Child(const ChildSetup& setup);
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child();

    /// Our ends of the pipes. in(): where setup.writable; it does not block.
    int in() const noexcept { return in_.get(); }
    int out() const noexcept { return out_.get(); }
    int err() const noexcept { return err_.get(); }
    void close_in() noexcept { in_.reset(); }

    /// Time that it has had on a processor, in the kernel's ticks; for telling whether it works.
    long processor_ticks() const noexcept;
    void signal(int number) noexcept;
    /// Waits for the end. Returns: the exit code, 128 + signal if a signal ended it, or nothing if
    /// it still runs.
    std::optional<int> wait(std::chrono::milliseconds limit) noexcept;
    int wait() noexcept;

  private:
    pid_t pid_ = -1;
    std::optional<int> exit_code_;
    FileDescriptor in_;
    FileDescriptor out_;
    FileDescriptor err_;
};

}  // namespace pghaul::io
