// The run's stop signal in a form that poll() understands: every wait on a socket or a child
// process also waits on this descriptor, so that stopping never has to wait for a server.
// Owner: the command; everything below holds a reference. Thread: any; fire() is
// async-signal-safe.
#pragma once

#include <atomic>

#include "io/file_descriptor.hpp"

namespace pghaul::io {

class Interrupt {
  public:
    /// Throws: Error if the kernel gives no eventfd.
    Interrupt();
    /// Of a part of the run, which can be stopped alone: fired as well once the whole is.
    /// Requires: whole outlives it. Throws: Error.
    explicit Interrupt(const Interrupt* whole);

    /// Makes every present and later wait end with Interrupted.
    void fire() noexcept;
    bool fired() const noexcept {
        return fired_.load(std::memory_order_acquire) || (whole_ != nullptr && whole_->fired());
    }
    /// Readable for ever once fired.
    int fd() const noexcept { return either_ ? either_.get() : event_.get(); }
    /// Throws: Interrupted if fired.
    void check() const;
    /// Sleeps, or throws Interrupted as soon as it is fired. Units: milliseconds.
    void sleep_ms(int milliseconds) const;

  private:
    std::atomic<bool> fired_{false};
    FileDescriptor event_;
    const Interrupt* whole_ = nullptr;
    FileDescriptor either_;  // epoll of both; none without whole_
};

}  // namespace pghaul::io
