// Looks once a second at what other processes have claimed of the queue's work: done, or free again
// because they are gone. Asks nothing while they have nothing.
// Thread: its own.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "io/connection.hpp"
#include "loader/work_queue.hpp"

namespace pghaul::loader {

class Neighbours {
  public:
    Neighbours(const io::ConnInfo& target, std::string job, WorkQueue& queue,
               io::RunProgress& progress, const io::Interrupt& interrupt);

  private:
    void body(const std::stop_token& stop);
    void look(const WorkQueue::Elsewhere& elsewhere);
    io::Connection& target();

    const io::ConnInfo& target_info_;
    std::string job_;
    WorkQueue& queue_;
    io::RunProgress& progress_;
    const io::Interrupt& interrupt_;
    std::optional<io::Connection> target_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::jthread thread_;
};

}  // namespace pghaul::loader
