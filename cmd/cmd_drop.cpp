#include <fmt/format.h>

#include "cmd/commands.hpp"
#include "cmd/only_job.hpp"

namespace pghaul::cmd {

io::ExitCode run_drop(Options options, io::Interrupt& interrupt) {
    const bool named = !options.job.empty();
    auto journal = open_journal(options, interrupt);
    journal.lock();  // a run in progress keeps what it needs
    const auto record = journal.find();
    if (!record) {
        fmt::print("nothing of {} in {}\n", named ? "job " + options.job : "pghaul",
                   journal.connection().server_name());
        return io::ExitCode::done;
    }
    journal.remove();
    const bool schema_left = journal.exists();
    fmt::print("removed the journal of job {} (phase {}) from {}{}\n", options.job,
               snapshot::name_of(record->phase), journal.connection().server_name(),
               schema_left ? "; schema pghaul stays for other jobs" : ", and schema pghaul");
    fmt::print("copied data stays; a copy without capture left nothing on the source\n");
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
