// Work of the run itself, outside the streams, that is done again when a connection is lost or a
// server restarts: bounded, with backoff, as the streams do with theirs.
// Thread: any.
#pragma once

#include <functional>
#include <string>

#include "cmd/run_context.hpp"

namespace pghaul::cmd {

/// Runs body, and again after an error that passes by itself. what: for messages.
/// Requires: body opens its own connections (or uses the journal's), and doing it twice, or once
/// and a half, is as good as once.
/// Throws: what body threw last, or Interrupted.
void retry(RunContext& run, const std::string& what, const std::function<void()>& body);
void retry(const io::Interrupt& interrupt, io::RunProgress& progress, const std::string& what,
           const std::function<void()>& body);

}  // namespace pghaul::cmd
