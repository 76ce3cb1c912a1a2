#include "io/carry.hpp"

#include <algorithm>
#include <thread>

namespace pghaul::io {

int threads_per_stream(int streams) {
    const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    return streams < cores ? 2 : 1;
}

}  // namespace pghaul::io
