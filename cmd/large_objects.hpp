// Large objects have no triggers, so their changes are not captured: at cutover, with writers
// locked out of the tables, both sides' are compared and those that differ are brought. Thread: the
// run's main thread.
#pragma once

#include "cmd/run_context.hpp"

namespace pghaul::cmd {

/// Makes the target's large objects as the source's. Does nothing where none were chosen.
/// Throws: io::Error.
void bring_large_objects(RunContext& run);

}  // namespace pghaul::cmd
