#include "loader/neighbours.hpp"

#include <spdlog/spdlog.h>

#include "io/backoff.hpp"
#include "loader/finish_table.hpp"
#include "loader/spool_folder.hpp"

namespace pghaul::loader {
namespace {

constexpr std::chrono::seconds kLook{1};

}  // namespace

Neighbours::Neighbours(const io::ConnInfo& target, std::string job, WorkQueue& queue,
                       io::RunProgress& progress, const io::Interrupt& interrupt)
    : target_info_(target),
      job_(std::move(job)),
      queue_(queue),
      progress_(progress),
      interrupt_(interrupt),
      thread_([this](const std::stop_token& stop) { body(stop); }) {}

void Neighbours::body(const std::stop_token& stop) {
    io::Backoff backoff;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, stop, kLook, [&] { return stop.stop_requested(); })) {
        try {
            const auto elsewhere = queue_.elsewhere();
            if (!elsewhere.empty()) look(elsewhere);
            backoff = {};
        } catch (const io::Error& error) {
            target_.reset();
            // The streams meet the same trouble; what only this thread meets ends the run too.
            if (backoff.allows(error)) {
                (void)backoff.next_pause();
                continue;
            }
            queue_.fail(std::current_exception());
            return;
        } catch (...) {
            queue_.fail(std::current_exception());
            return;
        }
    }
}

void Neighbours::look(const WorkQueue::Elsewhere& elsewhere) {
    const auto states = snapshot::look_at_chunks(target(), job_, elsewhere.chunks);
    for (const auto& file : queue_.settle(states)) {
        progress_.spool_bytes.fetch_sub(file.bytes);
        SpoolFolder::remove_file(file.path);
    }
    for (const auto& [table, index] : elsewhere.indexes) {
        if (!snapshot::index_is_free(target(), job_, index->oid)) continue;
        queue_.settle_index(*table, *index, index_exists(target(), table->info, *index));
    }
}

io::Connection& Neighbours::target() {
    if (!target_) {
        target_ = io::Connection::open(
            target_info_, {job_, "claims", "UTF8", std::chrono::seconds(60), {}}, interrupt_);
    }
    return *target_;
}

}  // namespace pghaul::loader
