#include "cmd/retry.hpp"

#include <spdlog/spdlog.h>

#include "io/backoff.hpp"
#include "io/error.hpp"

namespace pghaul::cmd {

void retry(RunContext& run, const std::string& what, const std::function<void()>& body) {
    retry(run.interrupt, run.progress, what, body);
}

void retry(const io::Interrupt& interrupt, io::RunProgress& progress, const std::string& what,
           const std::function<void()>& body) {
    for (io::Backoff backoff;;) {
        try {
            body();
            return;
        } catch (io::Error& error) {
            if (error.context().empty()) error.context(what);
            if (interrupt.fired() || !backoff.allows(error)) throw;
            progress.retries.fetch_add(1);
            const auto pause = backoff.next_pause();
            spdlog::warn("{}\ntrying again in {:.1f} s ({} of {})", error.report(),
                         std::chrono::duration<double>(pause).count(), backoff.failures(),
                         io::Backoff::kAttempts - 1);
            interrupt.sleep_ms(static_cast<int>(pause.count()));
        }
    }
}

}  // namespace pghaul::cmd
