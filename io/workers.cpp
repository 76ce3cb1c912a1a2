#include "io/workers.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace pghaul::io {

void share_work(std::size_t count, int workers, const std::function<Work(int)>& make_worker) {
    std::atomic<std::size_t> next{0};
    std::atomic<bool> failed{false};
    std::mutex mutex;
    std::exception_ptr first_error;
    const auto body = [&](int number) {
        try {
            const auto work = make_worker(number);
            for (std::size_t i = next++; i < count && !failed; i = next++) work(i);
        } catch (...) {
            failed = true;
            const std::lock_guard guard(mutex);
            if (!first_error) first_error = std::current_exception();
        }
    };
    {
        std::vector<std::jthread> threads;
        const auto wanted = std::min(count, static_cast<std::size_t>(workers));
        for (std::size_t i = 0; i < wanted; ++i)
            threads.emplace_back(body, static_cast<int>(i) + 1);
    }
    if (first_error) std::rethrow_exception(first_error);
}

}  // namespace pghaul::io
