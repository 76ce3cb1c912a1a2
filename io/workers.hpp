// A few threads that share a list of independent pieces of work.
// The first error stops the others after their current piece and is rethrown to the caller.
#pragma once

#include <cstddef>
#include <functional>

namespace pghaul::io {

/// What one thread does with piece i; may own connections.
using Work = std::function<void(std::size_t i)>;

/// Runs pieces [0, count) on up to `workers` threads; make_worker(n) is called in thread n (from
/// 1) before its first piece. Returns when all threads have ended.
void share_work(std::size_t count, int workers, const std::function<Work(int n)>& make_worker);

}  // namespace pghaul::io
