// The agent's side of the pipe: one connection to the source, one request after another, COPY
// streams packed and sent as they come. What it says is in agent_protocol.hpp.
// It ends when its input does, and its session on the server with it; it listens nowhere.
// Requires: SIGPIPE is ignored.
#pragma once

#include <string>

#include "io/interrupt.hpp"

namespace pghaul::io {

/// Serves whoever writes to `in` until that ends or the interrupt fires. Both descriptors stop
/// blocking. version: this program's.
/// Throws: Error if the other side speaks another protocol.
void serve_as_agent(int in, int out, const std::string& version, Interrupt& interrupt);

}  // namespace pghaul::io
