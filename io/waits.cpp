#include "io/waits.hpp"

#include <sys/socket.h>

#include <mutex>
#include <utility>

namespace pghaul::io {
namespace {

using Clock = std::chrono::steady_clock;

struct Register {
    std::mutex mutex;
    std::list<WaitMark::Entry> entries;
};

Register& of_process() {
    static Register all;
    return all;
}

}  // namespace

std::vector<Wait> waits_longer_than(std::chrono::milliseconds time) {
    auto& all = of_process();
    const std::lock_guard guard(all.mutex);
    std::vector<Wait> found;
    for (const auto& entry : all.entries) {
        if (Clock::now() - entry.wait.since >= time) found.push_back(entry.wait);
    }
    return found;
}

void break_off(const Wait& wait) {
    auto& all = of_process();
    const std::lock_guard guard(all.mutex);
    for (auto& entry : all.entries) {
        if (entry.wait != wait) continue;
        entry.broken_off = true;
        ::shutdown(entry.socket, SHUT_RDWR);
    }
}

WaitMark::WaitMark(std::string server, int backend_pid, int socket) {
    auto& all = of_process();
    const std::lock_guard guard(all.mutex);
    all.entries.push_front({{std::move(server), backend_pid, Clock::now()}, socket, false});
    entry_ = all.entries.begin();
}

WaitMark::~WaitMark() {
    auto& all = of_process();
    const std::lock_guard guard(all.mutex);
    all.entries.erase(entry_);
}

bool WaitMark::broken_off() const {
    const std::lock_guard guard(of_process().mutex);
    return entry_->broken_off;
}

}  // namespace pghaul::io
