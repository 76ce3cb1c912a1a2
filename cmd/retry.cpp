#include "cmd/retry.hpp"

#include "io/error.hpp"
#include "io/retry.hpp"

namespace pghaul::cmd {

void retry(RunContext& run, const std::string& what, const std::function<void()>& body) {
    retry(run.interrupt, run.progress, what, body);
}

void retry(const io::Interrupt& interrupt, io::RunProgress& progress, const std::string& what,
           const std::function<void()>& body) {
    for (io::Retry again(interrupt, progress);;) {
        try {
            body();
            return;
        } catch (io::Error& error) {
            if (error.context().empty()) error.context(what);
            again.pause_or_rethrow(error);
        }
    }
}

}  // namespace pghaul::cmd
