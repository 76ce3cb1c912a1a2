// Rows through an agent: a `pghaul agent` beside the source, started by the user's command (ssh),
// which has its own connection there and sends packed blocks over its standard output.
// What the agent says (agent_protocol.hpp) becomes what a connection of our own would have said:
// the server's errors arrive with all their properties; the agent's death, silence or garbage is an
// Error that is retryable and poisons.
// Requires: SIGPIPE is ignored.
// Owner: a stream. Destroying it ends the agent, and with it the agent's session on the server.
// Thread: one at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/child.hpp"
#include "io/conninfo.hpp"
#include "io/copy_source.hpp"
#include "io/frame_pipe.hpp"

namespace pghaul::io {

/// How agents are started; one for all streams.
struct AgentCommand {
    /// For /bin/sh -c.
    std::string command;
    /// Of this program, for the agent to see.
    std::string version;
    /// Takes each line that an agent writes to its standard error. Thread: any.
    std::function<void(const std::string& line)> log;
    /// Bytes of packed blocks that came, of all agents.
    std::atomic<std::uint64_t>* received_bytes = nullptr;
};

class AgentSession : public CopySource {
  public:
    /// Starts an agent and has it connect. info: as seen from the agent's host.
    /// Throws: Error; exit code failed if the command is wrong, stopped if its host can't be
    /// reached; Interrupted.
    AgentSession(const AgentCommand& command, const ConnInfo& info, const SessionSettings& settings,
                 const Interrupt& interrupt);

    void execute(const Query& query) override;
    std::string query_value(const Query& query, const Params& params) override;
    std::unique_ptr<BlockReader> copy_out(const std::string& name, const std::string& sql,
                                          std::size_t blocks_in_flight) override;

  private:
    class Reader;

    void shake_hands();
    void request(std::uint32_t kind, std::string_view payload, std::uint32_t expected,
                 std::vector<char>& answer, const std::string& statement);
    void send(std::uint32_t kind, std::string_view payload, const std::string& statement);
    std::uint32_t next(std::vector<char>& payload, const std::string& statement);
    std::uint32_t receive(std::vector<char>& payload, const std::string& statement);
    void wait(int fd, short events);
    bool hear_errors();
    Error death(const std::string& statement);
    Error failure_to_start(int exit_code) const;

    const AgentCommand& command_;
    const Interrupt& interrupt_;
    std::string role_;
    Child child_;
    FrameReader reader_;
    FrameWriter writer_;
    std::chrono::milliseconds patience_;
    bool spoken_ = false;
    /// The agent's standard error: what has no line end yet, and the last lines.
    std::string unfinished_line_;
    std::string last_lines_;
    bool errors_open_ = true;
};

}  // namespace pghaul::io
