// Independent statements on the target, side by side on a few connections.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "io/connection.hpp"
#include "io/progress.hpp"

namespace pghaul::loader {

/// Calls perform(connection, i) for i in [0, count) from up to `jobs` threads, each with its own
/// connection. The first error stops the others after their current item and is rethrown.
void for_each_parallel(std::size_t count, int jobs, const std::string& role,
                       const std::function<io::Connection(const std::string&)>& open,
                       io::RunProgress& progress,
                       const std::function<std::string(std::size_t)>& display,
                       const std::function<void(io::Connection&, std::size_t)>& perform);

}  // namespace pghaul::loader
