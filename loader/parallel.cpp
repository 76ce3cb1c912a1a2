#include "loader/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace pghaul::loader {

void for_each_parallel(std::size_t count, int jobs, const std::string& role,
                       const std::function<io::Connection(const std::string&)>& open,
                       io::RunProgress& progress,
                       const std::function<std::string(std::size_t)>& display,
                       const std::function<void(io::Connection&, std::size_t)>& perform) {
    std::atomic<std::size_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::exception_ptr first_error;
    const auto body = [&](int number) {
        auto& stream = progress.add_stream();
        try {
            auto connection = open(role + " " + std::to_string(number));
            for (std::size_t i = next++; i < count && !failed; i = next++) {
                stream.begin(display(i));
                perform(connection, i);
            }
        } catch (...) {
            failed = true;
            const std::lock_guard guard(mutex);
            if (!first_error) first_error = std::current_exception();
        }
        stream.end();
    };
    {
        std::vector<std::jthread> threads;
        const auto wanted = std::min<std::size_t>(count, static_cast<std::size_t>(jobs));
        for (std::size_t i = 0; i < wanted; ++i)
            threads.emplace_back(body, static_cast<int>(i) + 1);
    }
    if (first_error) std::rethrow_exception(first_error);
}

}  // namespace pghaul::loader
