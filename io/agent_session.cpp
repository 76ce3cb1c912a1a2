#include "io/agent_session.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "io/agent_protocol.hpp"
#include "io/pack.hpp"

namespace pghaul::io {
namespace {

using Clock = std::chrono::steady_clock;

// Time for a login, which name services make slow.
constexpr std::chrono::seconds kHelloWithin{30};
// As long as a connection of libpq's waits for a peer that is gone (dial.cpp); five heartbeats.
constexpr std::chrono::seconds kSilence{25};
// What a process that has closed its output may take to end.
constexpr std::chrono::seconds kEndWithin{2};
constexpr std::size_t kLinesKept = 1000;  // bytes of the agent's last words, for an error's detail

constexpr const char* kCommandHint =
    "the command must start 'pghaul agent' of this version without asking or printing anything; "
    "try it by hand with </dev/null (full path? keys? quoting?)";

/// What is sent to the agent. PGPASSWORD belongs to this side, so it goes along as part of
/// --source; all else that is left out is for the agent's host to know.
ConnInfo info_for_agent(ConnInfo info) {
    const char* password = std::getenv("PGPASSWORD");
    if (password != nullptr && info.get("service").empty()) info.set_default("password", password);
    return info;
}

Error out_of_turn(const std::string& statement) {
    return Error("the agent gave an answer to another question")
        .statement(statement)
        .retryable(true)
        .poisons_connection(true)
        .hint("this is a fault of pghaul; please report it");
}

std::string printable_start(const std::string& text) {
    std::string start = text.substr(0, 80);
    std::replace_if(
        start.begin(), start.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7F; }, '?');
    return start;
}

}  // namespace

/// The blocks of one COPY.
class AgentSession::Reader : public BlockReader {
  public:
    Reader(AgentSession& session, std::string name) : session_(session), name_(std::move(name)) {}

    bool read(Block& block) override {
        if (ended_) return false;
        const auto kind = session_.next(block.bytes, name_);
        if (kind == raw(FrameKind::block)) {
            if (auto* received = session_.command_.received_bytes) *received += block.bytes.size();
            return true;
        }
        if (kind != raw(FrameKind::copied)) throw out_of_turn(name_);
        rows_ = static_cast<std::int64_t>(FieldReader(view(block.bytes)).number());
        block.bytes.clear();
        ended_ = true;
        return false;
    }

    void unpack(Block& block, std::vector<char>& spare) const override {
        spare.swap(block.bytes);
        try {
            io::unpack(view(spare), block);
        } catch (Error& error) {
            error.statement(name_).retryable(true).poisons_connection(true);
            error.exit_code(ExitCode::stopped);
            throw;
        }
    }

    bool packed() const noexcept override { return true; }

    std::int64_t rows() const noexcept override { return rows_; }

  private:
    AgentSession& session_;
    std::string name_;
    std::int64_t rows_ = 0;
    bool ended_ = false;
};

AgentSession::AgentSession(const AgentCommand& command, const ConnInfo& info,
                           const SessionSettings& settings, const Interrupt& interrupt)
    : command_(command),
      interrupt_(interrupt),
      role_(settings.role),
      child_({{"/bin/sh", "-c", command.command}, {}, {"PGPASSWORD"}, true}),
      reader_(child_.out(), [this](int fd, short events) { wait(fd, events); }),
      writer_(child_.in(), [this](int fd, short events) { wait(fd, events); }),
      patience_(kHelloWithin) {
    shake_hands();
    send(raw(FrameKind::open), encode(OpenRequest{info_for_agent(info), settings}), "connect");
    std::vector<char> answer;
    if (receive(answer, "connect") != raw(FrameKind::failed)) return;
    const auto error = decode_error(view(answer));
    Error told("on the agent's host: " + std::string(error.what()));
    told.sqlstate(error.sqlstate()).statement(error.statement()).detail(error.detail());
    told.hint(error.hint() +
              "; the agent looks up --source's host names, service and password file there");
    told.retryable(error.retryable()).poisons_connection(true).exit_code(error.exit_code());
    throw told;
}

void AgentSession::shake_hands() {
    std::string line;
    std::optional<Hello> hello;
    try {
        writer_.write_text(hello_line(kPghaulHello, command_.version));
        reader_.read_line(kLongestHello, line);
        hello = parse_hello(kAgentHello, line);
    } catch (const PipeEnded&) {
        if (line.empty()) throw death("agent");
    }
    if (!hello) {
        throw Error("the command of --source-via printed what is no word of an agent: '" +
                    printable_start(line) + "'")
            .statement("agent")
            .hint(
                "keep login scripts and banners on that host from writing to standard output "
                "when nobody is there to read (.bashrc, .profile; ssh -T)");
    }
    if (hello->protocol != kAgentProtocol) {
        throw Error("the agent is pghaul " + hello->version + " and speaks protocol " +
                    std::to_string(hello->protocol) + ", this is pghaul " + command_.version +
                    " with protocol " + std::to_string(kAgentProtocol))
            .statement("agent")
            .hint("install the same version of pghaul on both hosts");
    }
    spoken_ = true;
    patience_ = kSilence;
}

void AgentSession::execute(const Query& query) {
    std::vector<char> answer;
    request(raw(FrameKind::execute), encode({}, query), raw(FrameKind::done), answer,
            std::string(query.name));
}

std::string AgentSession::query_value(const Query& query, const Params& params) {
    std::vector<char> answer;
    request(raw(FrameKind::query_value), encode(params, query), raw(FrameKind::value), answer,
            std::string(query.name));
    return {answer.begin(), answer.end()};
}

std::unique_ptr<BlockReader> AgentSession::copy_out(const std::string& name, const std::string& sql,
                                                    std::size_t blocks_in_flight) {
    std::vector<char> answer;
    request(raw(FrameKind::copy_out), encode({std::to_string(blocks_in_flight)}, Query{name, sql}),
            raw(FrameKind::copying), answer, name);
    return std::make_unique<Reader>(*this, name);
}

void AgentSession::request(std::uint32_t kind, std::string_view payload, std::uint32_t expected,
                           std::vector<char>& answer, const std::string& statement) {
    interrupt_.check();
    send(kind, payload, statement);
    if (next(answer, statement) != expected) throw out_of_turn(statement);
}

void AgentSession::send(std::uint32_t kind, std::string_view payload,
                        const std::string& statement) {
    try {
        writer_.write(kind, payload);
    } catch (const PipeEnded&) {
        throw death(statement);
    }
}

/// The next frame. Throws: what the agent says has failed.
std::uint32_t AgentSession::next(std::vector<char>& payload, const std::string& statement) {
    const auto kind = receive(payload, statement);
    if (kind == raw(FrameKind::failed)) throw decode_error(view(payload));
    return kind;
}

/// The next frame that is no heartbeat.
std::uint32_t AgentSession::receive(std::vector<char>& payload, const std::string& statement) {
    try {
        for (;;) {
            const auto kind = reader_.read(payload);
            if (kind != raw(FrameKind::heartbeat)) return kind;
        }
    } catch (const PipeEnded&) {
        throw death(statement);
    }
}

void AgentSession::wait(int fd, short events) {
    const auto deadline = Clock::now() + patience_;
    for (;;) {
        interrupt_.check();
        std::array<pollfd, 3> entries = {{
            {fd, events, 0},
            {interrupt_.fd(), POLLIN, 0},
            {errors_open_ ? child_.err() : -1, POLLIN, 0},
        }};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        const int wait_ms = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
        const int ready = ::poll(entries.data(), entries.size(), wait_ms);
        if (ready < 0 && errno != EINTR) throw Error("poll failed while waiting for the agent");
        if (ready == 0) {
            throw Error("the agent has been silent for " +
                        std::to_string(
                            std::chrono::duration_cast<std::chrono::seconds>(patience_).count()) +
                        " s")
                .statement("agent")
                .detail(last_lines_)
                .retryable(true)
                .poisons_connection(true)
                .exit_code(ExitCode::stopped)
                .hint(spoken_ ? "check the agent's host and the network, then run again"
                              : kCommandHint);
        }
        if (ready > 0 && entries[2].revents != 0) errors_open_ = hear_errors();
        if (ready > 0 && entries[0].revents != 0) return;
    }
}

/// Takes what the agent has written to its standard error. Returns false at its end.
bool AgentSession::hear_errors() {
    std::array<char, 4096> buffer;
    const auto got = ::read(child_.err(), buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    unfinished_line_.append(buffer.data(), static_cast<std::size_t>(got));
    const bool over = got == 0 || unfinished_line_.size() > kLinesKept;
    for (;;) {
        auto end = unfinished_line_.find('\n');
        if (end == unfinished_line_.npos && over) end = unfinished_line_.size();
        if (end == unfinished_line_.npos || unfinished_line_.empty()) break;
        const auto line = unfinished_line_.substr(0, end);
        unfinished_line_.erase(0, end + 1);
        if (line.empty()) continue;
        if (command_.log) command_.log("agent (" + role_ + "): " + line);
        last_lines_ += (last_lines_.empty() ? "" : "\n") + line;
        if (last_lines_.size() > kLinesKept) last_lines_.erase(0, last_lines_.size() - kLinesKept);
    }
    return got > 0;
}

/// The error of an agent that has closed its output. How it ended and its last words tell why.
Error AgentSession::death(const std::string& statement) {
    child_.close_in();
    const auto exit_code = child_.wait(kEndWithin);
    pollfd entry{child_.err(), POLLIN, 0};
    while (errors_open_ && ::poll(&entry, 1, 0) > 0) errors_open_ = hear_errors();
    if (!spoken_ && exit_code) return failure_to_start(*exit_code);
    std::string how = "closed its output";
    if (exit_code) {
        how = *exit_code > 128 ? "was ended by signal " + std::to_string(*exit_code - 128)
                               : "ended with exit code " + std::to_string(*exit_code);
    }
    return Error("the agent " + how)
        .sqlstate("08006")
        .statement(statement)
        .detail(last_lines_)
        .retryable(true)
        .poisons_connection(true)
        .exit_code(ExitCode::stopped)
        .hint("check the agent's host and the network; run again to go on where it stopped");
}

Error AgentSession::failure_to_start(int exit_code) const {
    Error error("the command of --source-via ended with exit code " + std::to_string(exit_code) +
                " before an agent spoke");
    error.statement("agent").detail(last_lines_).poisons_connection(true).hint(kCommandHint);
    const auto said = [&](const char* words) {
        return last_lines_.find(words) != std::string::npos;
    };
    // Source: ssh(1), "EXIT STATUS": 255 if an error occurred, which may be the network's. Beyond
    // 128 it was a signal.
    constexpr int kSshFailed = 255;
    const bool refused = said("Permission denied") || said("Host key verification failed");
    const bool may_pass =
        !refused && (exit_code == kSshFailed || (exit_code > 128 && exit_code < 192));
    if (may_pass) error.retryable(true).exit_code(ExitCode::stopped);
    return error;
}

}  // namespace pghaul::io
